package integ_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// Whose a request is does not show: to everyone else it is one that never was.
func TestForeignRequestsAreUnknown(t *testing.T) {
	t.Parallel()
	u := fresh()
	owner := dial(t, u)
	running := owner.submit(t, "echo_async", echoAsync{"private", 6000, 12})
	done := owner.submit(t, "echo_async", echoAsync{"private", 0, 1})
	owner.end(t, done)
	owner.progress(t, running)

	const unknown = "01JAAAAAAAAAAAAAAAAAAAAAAA"
	ids := []string{
		unknown, running, done,
		"x", strings.ToLower(done), done + "0", done[1:], "../" + done[3:], "T#" + u.tenant + "#R#" + done,
		"ILOU" + done[4:], "日本" + done[6:], strings.Repeat("0", 5000), "' OR 1=1 --", "null", " " + done[1:],
	}
	for name, stranger := range map[string]*client{
		"another user of the tenant": dial(t, user{u.tenant, "bob"}),
		"another tenant":             dial(t, user{fresh().tenant, u.name}),
	} {
		for _, action := range []string{protocol.ActionGet, protocol.ActionSubscribe, protocol.ActionUnsubscribe, protocol.ActionCancel} {
			var want []byte
			for _, id := range ids {
				f := stranger.about(t, action, id)
				refused(t, f, protocol.NotFound)
				got := sameForAll(f)
				if want == nil {
					want = got // the unknown one's
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s, %s of %.40q is answered\n%s\nand of an unknown one\n%s", name, action, id, got, want)
				}
			}
		}
		if seen := stranger.frames(func(f frame) bool { return f.RequestID != "" }); len(seen) != 0 {
			t.Errorf("%s saw %s", name, last(seen))
		}
	}
	// None of it touched the request.
	if f := as[protocol.Complete](t, owner.end(t, running)); string(f.Result) != `{"message":"private"}` {
		t.Errorf("got %+v", f)
	}
}

// id and ts are what an answer has of its own.
var own = regexp.MustCompile(`"(id":"[^"]*"|ts":\d+)`)

func sameForAll(f frame) []byte { return own.ReplaceAll(f.raw, []byte(`"…"`)) }

// Nobody waits for a stranger's slow requests: while twenty of them run, a hundred short
// ones all end before the first of the slow ones does.
func TestShortRequestsPassSlowOnes(t *testing.T) {
	t.Parallel()
	const slow, short = 20, 100
	stranger, c := dial(t, fresh()), dial(t, fresh())
	running := make([]string, slow)
	for i := range running {
		// They end when they are cancelled, or long after the test has given up.
		running[i] = stranger.submit(t, "echo_async", echoAsync{"slow", 150_000, 150})
	}
	if n := stranger.begun(running); n < slow {
		const needs = "needs a stage whose MaxConcurrency is above %d: of so many slow requests only %d run side by side"
		if deployed(t).endpoint == "" {
			t.Skipf(needs, slow, n)
		}
		t.Fatalf(needs, slow, n)
	}

	sent := make([]string, short)
	for i := range sent {
		sent[i] = c.send(t, protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{"short", 50, 1})})
	}
	var passed int64 // when all of the short ones had ended
	for _, id := range sent {
		f := c.wait(t, "the end of "+id, func(f frame) bool { return f.Ref == id && f.Type().Terminal() })
		as[protocol.Complete](t, f)
		passed = max(passed, f.TS) // which is not before it ended
	}
	for _, id := range running {
		cancel(t, stranger, id)
	}
	for _, id := range running {
		as[protocol.CancelledFrame](t, stranger.end(t, id))
		if r := row(t, stranger, id); r.EndedAt <= passed || r.Attempt != 1 {
			t.Errorf("a slow one ended %d ms after the last short one: %+v", r.EndedAt-passed, r)
		}
	}
}

// begun waits until each of the requests has told of progress, and returns how many have.
func (c *client) begun(requestIDs []string) (n int) {
	for _, id := range requestIDs {
		if _, err := c.await(func(f frame) bool { return f.RequestID == id && f.Type() == protocol.TypeProgress }); err != nil {
			break
		}
		n++
	}
	return n
}
