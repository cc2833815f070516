// Command protocol writes what travels on the WebSocket as documents, from the Go types of
// package protocol and from the actions that packages declare:
//
//	go tool protocol -actions web/actions.ts ./actions          # types for connect<Actions>(url)
//	go tool protocol -asyncapi asyncapi.json -schema schema.json ./actions
//	go tool protocol -check -actions web/actions.ts ./actions   # fails if a file is not so
//	go tool protocol -released released.json ./actions          # fails if older clients would break
//
// A module has the tool after
//
//	go get -tool github.com/pay-theory/streamer/scripts/protocol
//
// # Design
//
// It reads sources and runs nothing. Descriptions are the doc comments, which reflection
// does not have; a team's types need no program that imports them; and packages that only
// their own module may import are read as well. What a type cannot say stands beside the
// code that checks it: bounds in messages.go, by the constants of package protocol. What a
// message is answered with stands in messages.go, too, and integ holds a stage to it.
//
// The AsyncAPI document is that of a client: what it sends, what answers that, and what it
// receives else. Its channel is the connection.
//
// A struct is what encoding/json makes of it. A member that is always written is required;
// omitempty and omitzero make one optional, also in a payload. Payloads are closed, as the
// router refuses what it does not know; everything that a client receives is open, as it
// has to skip what it does not know. A slice or map of a result may be null, since nil is
// written so.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
)

func main() {
	var out outputs
	flag.StringVar(&out.schema, "schema", "", "write a JSON Schema 2020-12 to this `file`")
	flag.StringVar(&out.asyncAPI, "asyncapi", "", "write an AsyncAPI 3.0 document to this `file`")
	flag.StringVar(&out.actions, "actions", "", "write the actions' TypeScript types to this `file`")
	flag.StringVar(&out.frames, "frames", "", "write the protocol's own TypeScript types, as an SDK needs them, to this `file`")
	flag.BoolVar(&out.check, "check", false, "write nothing, and fail if a file is not as it would be written")
	flag.StringVar(&out.released, "released", "", "fail if clients made for the JSON Schema in this `file` would break")
	flag.Parse()
	if err := out.make(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "protocol:", err)
		os.Exit(1)
	}
}

// outputs are the files to write, and one to compare with; an empty name is none.
type outputs struct {
	schema, asyncAPI, actions, frames string
	released                          string
	check                             bool
}

// make writes the files, with the actions that the packages declare.
func (o outputs) make(packages []string) error {
	if o.actions != "" && len(packages) == 0 {
		return errors.New("-actions needs the packages that declare them")
	}
	src, err := load(packages)
	if err != nil {
		return err
	}
	w, err := read(src)
	if err != nil {
		return err
	}
	if o.released != "" {
		if err := w.checkReleased(o.released); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		name  string
		write func() ([]byte, error)
	}{
		{o.schema, w.document},
		{o.asyncAPI, w.asyncAPI},
		{o.actions, w.typedActions},
		{o.frames, w.typedFrames},
	} {
		if file.name == "" {
			continue
		}
		text, err := file.write()
		if err != nil {
			return err
		}
		if err := o.put(file.name, text); err != nil {
			return err
		}
	}
	return nil
}

func (o outputs) put(name string, text []byte) error {
	stands, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && bytes.Equal(stands, text) {
		return nil
	}
	if o.check {
		return fmt.Errorf("%s is not what the sources say: write it anew", name)
	}
	return os.WriteFile(name, text, 0o644)
}
