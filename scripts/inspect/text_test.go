package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/pay-theory/streamer/internal/logs"
)

// What went wrong with a request is told in full, and what a handler or a client wrote steers
// no terminal.
func TestTroubleIsShown(t *testing.T) {
	says := func(function, line string, after time.Duration) entry {
		return read(logs.Event{Group: logs.Group{Label: function}, Time: start.Add(after), Message: line + "\n"})
	}
	d := requestDetail{
		ID: key(1).ID, Tenant: "acme", User: "ann\x1b[2J", Action: "resize", Status: "RETRYING", Code: "HANDLER_FAILED",
		Error: "the image service answered 503 Service Unavailable and asked to come back later, which is soon", Percentage: 40, Message: "Resizing b.png",
		Attempt: 2, MaxAttempts: 5, Continuations: 1, HintsResent: 3,
		AcceptedAt: start, StartedAt: start.Add(70 * time.Millisecond), NextAt: start.Add(3 * time.Minute), DeadlineAt: start.Add(24 * time.Hour),
		Payload: document{Place: "object", Size: 1_234_567}, Checkpoint: document{Place: "item", Size: 2_048},
		Effects: []string{"charge", "mail"}, Files: []document{{Name: "a.png", Size: 900}},
		History: []entry{
			says("router", `{"time":"2026-01-02T03:00:00.003Z","level":"INFO","msg":"message answered","frame":"accepted","ms":2}`, 0),
			says("processor", `{"time":"2026-01-02T03:00:09.5Z","level":"ERROR","msg":"handler failed","attempt":1,"error":"503 \u001b[31mService Unavailable","retry":true,"code":"","ids":["a","b"]}`, 0),
			says("processor", "2026-01-02T03:00:10Z 5f1c Task timed out after 10.00 seconds", 10*time.Second),
		},
	}
	var out strings.Builder
	if err := d.show(&out, start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	const want = `request 01JGH000000000000000000001, resize of acme/"ann\x1b[2J"
  status      RETRYING
  why         HANDLER_FAILED: the image service answered 503 Service Unavailable
              and asked to come back later, which is soon
  progress    40 %  Resizing b.png
  tries       2 of 5, went on in another function 1 time, hint sent again 3
              times
  accepted    2026-01-02 03:00:00 UTC (1m0s ago)
  started     70 ms after that
  next try    2026-01-02 03:03:00 UTC (in 2m0s)
  deadline    2026-01-03 03:00:00 UTC (in 23h59m)
  payload     1.2 MB, in the bucket
  checkpoint  2.0 kB, in an item beside it
  effects     charge, mail
  files       a.png (900 bytes)
  watchers    none

history
2026-01-02, UTC
03:00:00.003  router     message answered frame=accepted ms=2
03:00:09.500  processor  ERROR handler failed attempt=1 error="503
                         \x1b[31mService Unavailable" retry=true ids=a,b
03:00:10.000  processor  2026-01-02T03:00:10Z 5f1c Task timed out after 10.00
                         seconds
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	for _, c := range out.String() {
		if c != '\n' && !unicode.IsPrint(c) {
			t.Errorf("shows %q", c)
		}
	}
	if e := d.History; e[0].failed() || !e[1].failed() || !e[2].failed() || e[1].why() != "handler failed: 503 \x1b[31mService Unavailable" {
		t.Errorf("failed: %t %t %t", e[0].failed(), e[1].failed(), e[2].failed())
	}
	if b, err := json.Marshal(d.History[2]); err != nil || string(b) != `{"time":"2026-01-02T03:00:10Z","function":"processor","line":"2026-01-02T03:00:10Z 5f1c Task timed out after 10.00 seconds"}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestFold(t *testing.T) {
	long := strings.Repeat("x", width+5)
	for line, want := range map[string]string{
		"short":                  "short",
		"  " + long:              "  " + long,
		"  abcd " + long:         "  abcd\n    " + long,
		"  " + long + " b c":     "  " + long + "\n    b c",
		strings.Repeat("ä ", 60): strings.TrimRight(strings.Repeat("ä ", 40), " ") + "\n    " + strings.Repeat("ä ", 20),
	} {
		if got := fold(line, 4); got != want {
			t.Errorf("%q is folded to %q, want %q", line, got, want)
		}
	}
}

func TestHours(t *testing.T) {
	for d, want := range map[time.Duration]string{24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 45 * time.Second: "45s", 10 * time.Minute: "10m", time.Nanosecond: "1ns"} {
		if got := hours(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 400 * time.Millisecond: "0s", 59600 * time.Millisecond: "1m0s", 90 * time.Minute: "1h30m", 49*time.Hour + time.Minute: "2d1h",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
