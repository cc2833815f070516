package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/protocol"
)

const document = "%PDF-1.7 pretends"

// stage is a server that knows a few actions: endless reports once, and cut does, too,
// before the connection ends. It returns its address.
func stage(t *testing.T) string {
	t.Helper()
	var server *httptest.Server
	var once atomic.Bool
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/report.pdf":
			_, _ = w.Write([]byte(document))
			return
		case "/refuses":
			w.WriteHeader(http.StatusForbidden)
			return
		case "/once":
			if once.Swap(true) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		for n := 1; ; n++ {
			_, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			m, err := protocol.DecodeMessage(text)
			if err != nil {
				t.Errorf("got %s: %v", text, err)
			}
			for _, f := range frames(m, n, server.URL) {
				answer, err := protocol.Encode(f)
				if err != nil {
					t.Error(err)
				}
				_ = conn.Write(r.Context(), websocket.MessageText, answer) // the client may have gone
			}
			if m.Action == "cut" {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// frames answer a message.
func frames(m protocol.Message, n int, files string) []protocol.Frame {
	id := fmt.Sprintf("01J8ZK3V9N4QW2RX7T5Y6M8A%02d", n)
	answer := protocol.Answer{ID: m.ID, TS: 1}
	event := func(seq int64) protocol.Event { return protocol.Event{RequestID: id, Ref: m.ID, Seq: seq, TS: 1} }
	accepted := protocol.Accepted{Answer: answer, RequestID: id, Status: protocol.Pending}
	progress := protocol.Progress{Event: event(11), Percentage: 40, Message: "Step 2 of 5\x1b[2J", Attempt: 1}
	switch m.Action {
	case "echo":
		return []protocol.Frame{protocol.Response{Answer: answer, RequestID: id, Result: m.Payload}}
	case "echo_async":
		return []protocol.Frame{accepted, progress, protocol.Complete{Event: event(12), Result: m.Payload, Attempt: 1}}
	case "generate_report":
		result := fmt.Sprintf(`{"url":%q,"size":%d,"pages":11,"rows":500}`, files+"/report.pdf", len(document))
		return []protocol.Frame{accepted, progress, protocol.Complete{Event: event(12), Result: json.RawMessage(result), Attempt: 1}}
	case "short":
		result := fmt.Sprintf(`{"url":%q,"size":%d}`, files+"/report.pdf", len(document)+1)
		return []protocol.Frame{accepted, protocol.Complete{Event: event(12), Result: json.RawMessage(result), Attempt: 1}}
	case "fails":
		return []protocol.Frame{accepted, progress, protocol.FailedFrame{Event: event(12), Code: protocol.Timeout, Message: "the handler ran\nlonger than 1s", Attempt: 3}}
	case "endless", "cut":
		return []protocol.Frame{accepted, progress}
	case protocol.ActionGet:
		return []protocol.Frame{protocol.Request{Answer: answer, RequestID: m.RequestID, Action: "endless", Status: protocol.Processing}}
	case protocol.ActionSubscribe:
		return []protocol.Frame{
			protocol.Subscribed{Answer: answer, RequestID: m.RequestID, Status: protocol.Processing, Percentage: 40, Seq: 11},
			protocol.Complete{Event: protocol.Event{RequestID: m.RequestID, Seq: 12}, Result: json.RawMessage("7"), Attempt: 1},
		}
	}
	return []protocol.Frame{protocol.Error{Answer: answer, Code: protocol.UnknownAction, Message: "there is no such action"}}
}

// output is a file that may be read while it is written.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

type outcome struct {
	code   int
	stdout string
	stderr string
}

func environment(address string) func(string) string {
	return func(name string) string {
		return map[string]string{"STREAMER_WS_URL": address, "STREAMER_TOKEN": "a.b.c", "NO_COLOR": "1"}[name]
	}
}

// piped runs the demo without a terminal.
func piped(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr output
	p := program{stdout: &stdout, stderr: &stderr, getenv: environment(stage(t))}
	code := p.run(t.Context(), args)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestWithoutATerminal(t *testing.T) {
	got := piped(t, "echo", `{"a": "<b>"}`, "echo_async", `{"message":"one"}`, "generate_report")
	for _, want := range []string{
		"(?m)^✓ echo             01J8ZK3V9N4QW2RX7T5Y6M8A.. 100 %  {\"a\":\"<b>\"}  [0-9.]+m?s$",
		"(?m)^✓ echo_async       01J8ZK3V9N4QW2RX7T5Y6M8A.. 100 %  {\"message\":\"one\"}  [0-9.]+m?s$",
		"(?m)^✓ generate_report  01J8ZK3V9N4QW2RX7T5Y6M8A.. 100 %  17 B, 11 pages, 500 rows  [0-9.]+m?s$",
	} {
		if !regexp.MustCompile(want).MatchString(got.stderr) {
			t.Errorf("no %s in\n%s", want, got.stderr)
		}
	}
	if want := `^echo: {"a":"<b>"}
echo_async: {"message":"one"}
generate_report: 17 B, 11 pages, 500 rows
  http://127.0.0.1:\d+/report.pdf
$`; !regexp.MustCompile(want).MatchString(got.stdout) || got.code != 0 {
		t.Errorf("code %d\n%s", got.code, got.stdout)
	}
	if strings.ContainsAny(got.stderr+got.stdout, "\x1b\r") {
		t.Errorf("escape codes in %q", got.stderr+got.stdout)
	}
}

func TestJSON(t *testing.T) {
	got := piped(t, "-json", "-quiet", "echo", `{"a":"<b>"}`, "echo_async", "7", "nope", "1")
	want := `^{"action":"echo","request_id":"\w{26}","status":"COMPLETED","result":{"a":"<b>"}}
{"action":"echo_async","request_id":"\w{26}","status":"COMPLETED","result":7}
{"action":"nope","error":"nope: UNKNOWN_ACTION: there is no such action"}
$`
	if !regexp.MustCompile(want).MatchString(got.stdout) || got.code != 1 || got.stderr != "demo: nope: UNKNOWN_ACTION: there is no such action\n" {
		t.Errorf("got %+v", got)
	}
}

func TestSave(t *testing.T) {
	name := filepath.Join(t.TempDir(), "new", "report.pdf")
	got := piped(t, "-quiet", "-save", name, "echo", "1", "generate_report", "{}")
	if saved, err := os.ReadFile(name); err != nil || string(saved) != document || got.stderr != "saved "+name+", 17 B\n" || got.code != 0 {
		t.Errorf("%q, %v, %+v", saved, err, got)
	}
	if want := "echo: 1\ngenerate_report: 17 B, 11 pages, 500 rows\n"; got.stdout != want {
		t.Errorf("printed %q, want %q: no link to what is saved", got.stdout, want)
	}
	for action, want := range map[string]string{"echo": "the last request's result links to no file", "short": "17 bytes came, the result says 18"} {
		name := filepath.Join(t.TempDir(), "none")
		got := piped(t, "-quiet", "-save", name, action, "1")
		left, err := filepath.Glob(name + "*")
		if got.code != 1 || got.stderr != "demo: save "+name+": "+want+"\n" || len(left) > 0 || err != nil {
			t.Errorf("%s: %+v, left %v, %v", action, got, left, err)
		}
	}
}

func TestErrorsAreOneLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fails", "1"}, "demo: fails: TIMEOUT: the handler ran longer than 1s"},
		{[]string{"nope"}, "demo: nope: UNKNOWN_ACTION: there is no such action"},
		{[]string{"echo", "{"}, "demo: the payload of echo is not JSON: {"},
		{nil, "demo: nothing to do: give ACTION PAYLOAD, or -h for help"},
		{[]string{"-nope"}, "demo: flag provided but not defined: -nope"},
		{[]string{"-url", "ws://127.0.0.1:1/v1", "echo"}, "demo: connect to ws://127.0.0.1:1/v1: dial tcp 127.0.0.1:1: connect: connection refused"},
		{[]string{"-token", "a b", "echo"}, "demo: connect to .*: the token is no JWT: .*"},
	} {
		got := piped(t, append([]string{"-quiet"}, c.args...)...)
		if !regexp.MustCompile("^"+c.want+"\n$").MatchString(got.stderr) || got.stdout != "" || got.code != 1 {
			t.Errorf("%q: got %+v", c.args, got)
		}
	}
	var stderr output
	p := program{stdout: &stderr, stderr: &stderr, getenv: func(string) string { return "" }}
	if code := p.run(t.Context(), []string{"echo"}); code != 1 || !strings.HasPrefix(stderr.String(), "demo: no address: set STREAMER_WS_URL or give -url (") {
		t.Errorf("got %d, %s", code, &stderr)
	}
	stderr = output{}
	if code := p.run(t.Context(), []string{"-url", stage(t) + "/refuses", "echo"}); code != 1 || !strings.HasSuffix(stderr.String(), "(no token was given: set STREAMER_TOKEN or give -token)\n") {
		t.Errorf("got %d, %s", code, &stderr)
	}
	if got := piped(t, "-h"); got.code != 0 || !strings.HasPrefix(got.stdout, "usage: ") || !strings.Contains(got.stdout, "-save FILE") || strings.Contains(got.stdout, "a.b.c") {
		t.Errorf("got %+v", got)
	}
	if _, err := parse([]string{"-h"}, environment("x"), &stderr); err != flag.ErrHelp {
		t.Errorf("got %v", err)
	}
}

func TestWatchAgain(t *testing.T) {
	got := piped(t, "-quiet", "-watch", "01J8ZK3V9N4QW2RX7T5Y6M8A0B")
	if got.code != 0 || got.stdout != "endless: 7\n" || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
}

func TestDisconnect(t *testing.T) {
	got := piped(t, "cut")
	if got.code != 0 || got.stdout != "cut: 7\n" ||
		!regexp.MustCompile(`(?s)(^|\n)↻ connection lost, connecting again \(.+\)\n.*✓ connected again after \S+\n.*✓ cut `).MatchString(got.stderr) {
		t.Errorf("got %+v", got)
	}
}

// What cannot be connected any more is said, and how to go on.
func TestDisconnectForGood(t *testing.T) {
	var stdout, stderr output
	p := program{stdout: &stdout, stderr: &stderr, getenv: environment(stage(t) + "/once")}
	code := p.run(t.Context(), []string{"-quiet", "cut"})
	if code != 1 || stdout.String() != "" ||
		!regexp.MustCompile(`^demo: cut: request \w{26}: disconnected: connect to ws://.*: refused with status 401: .*\nWhat was accepted goes on. Come back to it with\n  go run ./client/demo -watch \w{26}\n$`).MatchString(stderr.String()) {
		t.Errorf("code %d, got %s", code, &stderr)
	}
}

func TestOnATerminal(t *testing.T) {
	var stdout, stderr output
	p := program{stdout: &stdout, stderr: &stderr, getenv: environment(stage(t)), size: func() (int, int) { return 60, 10 }}
	if code := p.run(t.Context(), []string{"echo", "1", "echo_async", "2", "fails", "3"}); code != 1 {
		t.Errorf("code %d", code)
	}
	drawn, rest, _ := strings.Cut(stderr.String(), showCursor)
	if !strings.HasPrefix(drawn, hideCursor) || rest != "demo: fails: TIMEOUT: the handler ran longer than 1s\n" {
		t.Errorf("got %q", stderr.String())
	}
	want := []string{"✓ echo ", "✓ echo_async ", "✗ fails "}
	got := picture(t, drawn)
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i, line := range got {
		if !strings.HasPrefix(line, want[i]) || width(line) > 59 {
			t.Errorf("line %d is %q", i, line)
		}
	}
}

// Ctrl-C ends the watching, gives the cursor back and tells how to go on.
func TestInterrupt(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var stdout, stderr output
	p := program{stdout: &stdout, stderr: &stderr, getenv: environment(stage(t)), size: func() (int, int) { return 80, 10 }}
	done := make(chan int)
	go func() { done <- p.run(ctx, []string{"endless", "1", "echo", "2"}) }()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(stderr.String(), "40 %"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing was drawn: %q", stderr.String())
		}
	}
	interrupt()
	if code := <-done; code != exitInterrupted {
		t.Errorf("code %d", code)
	}
	_, rest, _ := strings.Cut(stderr.String(), showCursor)
	if !regexp.MustCompile(`^demo: interrupted\nWhat was accepted goes on. Come back to it with\n  go run ./client/demo -watch \w{26}\n$`).MatchString(rest) {
		t.Errorf("got %q", rest)
	}
}

// picture plays what was written to a terminal and returns the lines that stand there.
func picture(t *testing.T, written string) []string {
	t.Helper()
	sequence := regexp.MustCompile("^\x1b\\[(\\??[0-9]*)([a-zA-Z])")
	lines := [][]rune{nil}
	var line, column int
	for written != "" {
		if m := sequence.FindStringSubmatch(written); m != nil {
			written = written[len(m[0]):]
			switch m[2] {
			case "A":
				n, err := strconv.Atoi(m[1])
				if err != nil || n > line {
					t.Fatalf("up %s from line %d", m[1], line)
				}
				line -= n
			case "K":
				lines[line] = lines[line][:column]
			case "J":
				lines = lines[:line+1]
				lines[line] = lines[line][:column]
			case "l":
			default:
				t.Fatalf("unknown sequence %q", m[0])
			}
			continue
		}
		char := []rune(written)[0]
		written = written[len(string(char)):]
		switch char {
		case '\r':
			column = 0
		case '\n':
			column = 0
			if line++; line == len(lines) {
				lines = append(lines, nil)
			}
		default:
			lines[line] = append(lines[line][:column:column], append([]rune{char}, lines[line][min(column+1, len(lines[line])):]...)...)
			column++
		}
	}
	var text []string
	for _, l := range lines[:len(lines)-1] {
		text = append(text, string(l))
	}
	return text
}

func TestScreen(t *testing.T) {
	var out bytes.Buffer
	size := 60
	s := &screen{out: &out, size: func() (int, int) { return size, 10 }}
	rows := sample()[:3]
	s.draw(rows, now)
	before := out.Len()
	if s.draw(rows, now); out.Len() != before {
		t.Errorf("drew the same again: %q", out.String()[before:])
	}
	rows[0].update.Percentage = 70
	s.draw(rows, now)
	if got := picture(t, out.String()); len(got) != 3 || !strings.Contains(got[0], "70 %") {
		t.Errorf("got %q", got)
	}
	if n := s.above(60); n != 3 {
		t.Errorf("the picture takes %d lines", n)
	}
	if n := s.above(29); n != 9 { // each line of 59 is three of 29
		t.Errorf("on a narrower terminal it takes %d lines", n)
	}
	s.connection(client.State{Phase: client.Waiting, Since: now.Add(-3 * time.Second), Problem: errors.New("the stage\nis away")})
	s.draw(rows, now)
	if got := picture(t, out.String()); len(got) != 4 || got[3] != "↻ no connection for 3.0s, connecting again (the stage is a…" {
		t.Errorf("got %q", got)
	}
	s.connection(client.State{Phase: client.Live, Since: now})
	s.draw(rows, now)
	if got := picture(t, out.String()); len(got) != 3 {
		t.Errorf("got %q", got)
	}
	if n := strings.Count(out.String(), hideCursor); n != 1 {
		t.Errorf("the cursor was hidden %d times", n)
	}
}
