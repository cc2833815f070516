package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
)

const usage = `usage: go run ./client/demo [flags] ACTION PAYLOAD [ACTION PAYLOAD ...]

Sends requests to a Streamer stage, watches them all at once and prints their results.
A payload is JSON; the last one may be left out.

  go run ./client/demo echo_async '{"message":"one"}' echo_async '{"message":"two"}'
  go run ./client/demo -save report.pdf generate_report '{"start_date":"2026-01-01","end_date":"2026-01-31"}'

`

// settings are what the command line and the environment say.
type settings struct {
	url, token  string
	save        string
	json, quiet bool
	jobs        []job
}

// job is one request: a new one, or one that is watched again.
type job struct {
	action  string
	payload json.RawMessage
	watch   string // the request's id
}

// parse reads the command line. What is wrong with it is in the error; flag.ErrHelp asks
// for nothing else.
func parse(args []string, getenv func(string) string, help io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.url, "url", "", "the stage's WebSocket `address`; STREAMER_WS_URL by default")
	flags.StringVar(&s.token, "token", "", "the `JWT` to connect with; STREAMER_TOKEN by default")
	flags.StringVar(&s.save, "save", "", "save the file that the last request's result links to as `FILE`")
	flags.BoolVar(&s.json, "json", false, "print each result as a line of JSON")
	flags.BoolVar(&s.quiet, "quiet", false, "draw nothing while the requests run")
	flags.Func("watch", "watch the request with this `id` again, which was submitted before; may be repeated", func(id string) error {
		s.jobs = append(s.jobs, job{watch: id})
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			flags.SetOutput(help)
			flags.PrintDefaults()
		}
		return s, err
	}
	s.url = cmp.Or(s.url, getenv("STREAMER_WS_URL"))
	s.token = cmp.Or(s.token, getenv("STREAMER_TOKEN"))
	for rest := flags.Args(); len(rest) > 0; rest = rest[min(2, len(rest)):] {
		j := job{action: rest[0], payload: json.RawMessage("null")}
		if len(rest) > 1 {
			j.payload = json.RawMessage(rest[1])
		}
		if !json.Valid(j.payload) {
			return s, fmt.Errorf("the payload of %s is not JSON: %.60s", j.action, j.payload)
		}
		s.jobs = append(s.jobs, j)
	}
	switch {
	case s.url == "":
		return s, errors.New("no address: set STREAMER_WS_URL or give -url (that of the local stage: make stage, then . .stage/env)")
	case len(s.jobs) == 0:
		return s, errors.New("nothing to do: give ACTION PAYLOAD, or -h for help")
	}
	return s, nil
}
