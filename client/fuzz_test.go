package client

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// FuzzReceive: whatever comes, in whatever order, each message that waits gets one answer
// at most, a request never goes back, and what is kept is bounded. Each line is what comes
// in one message.
func FuzzReceive(f *testing.F) {
	const about = `"request_id":"01J8ZK3V9N4QW2RX7T5Y6M8A0B"`
	for _, messages := range []string{
		`{"type":"accepted","id":"c-1",` + about + `,"status":"PENDING"}` + "\n" + `{"type":"progress",` + about + `,"seq":1000001,"percentage":50}` + "\n" + `{"type":"complete",` + about + `,"seq":1000002,"result":null}`,
		`{"type":"complete",` + about + `,"ref":"c-1","seq":5,"result":{}}` + "\n" + `{"type":"accepted","id":"c-1",` + about + `,"status":"COMPLETED"}`,
		`{"type":"progress",` + about + `,"seq":9,"percentage":1e308}` + "\n" + `{"type":"subscribed","id":"c-2",` + about + `,"status":"PROCESSING","seq":7}`,
		`{"message":"Internal server error","connectionId":"c","requestId":"r"}` + "\n" + `{"type":"pong","id":"c-3"}` + "\n" + `{"message":"Too Many Requests","connectionId":"c"}`,
		`{"type":"cancelled",` + about + `,"seq":3}` + "\n" + `{"type":"error","id":"c-1","code":"X"}` + "\n" + `{"type":"later"}` + "\n" + `null` + "\n" + `{"type":"error"}` + "\n" + `[`,
		`{"type":"retrying",` + about + `,"ref":"c-1","seq":-1,"attempt":-5,"next_at":-9223372036854775808}` + "\n" + `{"type":"request","id":"c-4","status":"?"}`,
	} {
		f.Add([]byte(messages))
	}
	f.Fuzz(func(t *testing.T, messages []byte) {
		conn := &connection{done: make(chan struct{}), stale: make(chan struct{})}
		c := &Client{
			log: slog.New(slog.DiscardHandler), name: "c", done: make(chan struct{}), changed: make(chan struct{}), current: conn,
			asks: map[string]*ask{}, requests: map[string]*request{}, early: map[string]protocol.Frame{},
		}
		var asks []*ask
		for _, m := range []protocol.Message{
			{Action: "echo_async"}, {Action: protocol.ActionSubscribe, RequestID: requestID}, {Action: protocol.ActionUnsubscribe}, {Action: protocol.ActionCancel, RequestID: requestID},
		} {
			a := newAsk(m)
			a.follows, a.on = len(asks) < 2, conn
			if err := c.enter(a); err != nil { // a second answer would panic
				t.Fatal(err)
			}
			asks = append(asks, a)
		}
		followed := map[*request]int64{}
		for message := range bytes.SplitSeq(messages, []byte("\n")) {
			c.receive(t.Context(), conn, message)
			for _, r := range c.requests {
				if _, known := followed[r]; !known {
					followed[r] = 0
				}
			}
			for r, before := range followed {
				if r.seq < before && r.end == nil {
					t.Errorf("request %s went back from %d to %d", r.id, before, r.seq)
				}
				followed[r] = r.seq
				if len(r.marks) > maxMarks {
					t.Errorf("request %s keeps %d updates", r.id, len(r.marks))
				}
			}
			if len(c.early) > maxEarly || len(conn.mishaps) > len(c.asks) {
				t.Fatalf("%d early frames and %d mishaps are kept for %d messages", len(c.early), len(conn.mishaps), len(c.asks))
			}
		}
		answered := 0
		for _, a := range asks {
			if a.frame != nil {
				answered++
			}
		}
		if answered+len(c.asks) != len(asks) {
			t.Errorf("%d were answered and %d wait, of %d", answered, len(c.asks), len(asks))
		}
		for r := range followed {
			if r.end != nil && !r.update.Status.Terminal() {
				text, _ := json.Marshal(r.end) // it was read as JSON
				t.Errorf("%s leaves the request %+v", text, r.update)
			}
		}
	})
}
