package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/remote"
)

// killAfter is how long a command has to end after SIGTERM: a little less than a handler
// has to return.
const killAfter = time.Second

// maxLine is the longest line of a command, in bytes: a result in it may be large.
const maxLine = 8 << 20

// run works on the request by running a command.
func run(ctx context.Context, c remote.Config, ticket string, command []string) error {
	if len(command) == 0 {
		return usageError{"run: give a command"}
	}
	return remote.RunAny(ctx, c, ticket, func(ctx context.Context, req *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage]) error {
		return work(ctx, req, r, command)
	})
}

// work is the handler.
func work(ctx context.Context, req *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage], command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killAfter
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "STREAMER_TICKET=") }),
		"STREAMER_REQUEST_ID="+req.ID, fmt.Sprint("STREAMER_ATTEMPT=", req.Attempt))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(req.Payload), os.Stderr
	out, in := io.Pipe()
	cmd.Stdout = in
	heard := make(chan said, 1)
	go func() { heard <- listen(out, r) }()
	err := cmd.Run()
	in.Close()
	last := <-heard
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last.failure != nil:
		return last.failure
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // that one says that a process of the command's goes on
		return fmt.Errorf("%s: %w", command[0], err)
	case last.ends:
		return r.Complete(last.result)
	}
	return nil
}

// listen does what a command says and passes the rest on. It returns the last thing that
// was said of the end.
func listen(out io.Reader, r streamer.Reporter[json.RawMessage]) (last said) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		word, rest, _ := strings.Cut(strings.TrimRight(lines.Text(), "\r"), " ")
		s, err := parse(word, rest)
		switch {
		case err != nil:
			fmt.Fprintln(os.Stderr, lines.Text())
		case s.ends:
			last = s
		default:
			r.Report(s.percentage, s.text)
		}
	}
	if err := lines.Err(); err != nil {
		last = said{ends: true, failure: fmt.Errorf("read what the command says: %w", err)}
	}
	_, _ = io.Copy(io.Discard, out) // a command that nobody listens to must not hang
	return last
}
