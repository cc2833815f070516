package integ_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// history is all that is known of one request: what came over each connection that
// watched it, in that order, and its row at last.
type history struct {
	requestID string
	row       protocol.Request
	seen      [][]frame
}

// historyOf gathers the history of a request that has ended.
func historyOf(row protocol.Request, clients ...*client) history {
	h := history{requestID: row.RequestID, row: row}
	for _, c := range clients {
		h.seen = append(h.seen, c.of(row.RequestID))
	}
	return h
}

// maxAttempts is how often an echo is tried (streamer.DefaultAttempts).
const maxAttempts = 3

// violations tells what in a history must never be:
//
//   - the row is terminal, after 1 to max attempts;
//   - every terminal frame says the same, with the same seq, and what the row says;
//   - two frames with one seq are the same frame;
//   - among what a client applies, the frames whose seq is above its last, attempts do
//     not fall, percentages do not fall within an attempt, and nothing follows the
//     terminal frame;
//   - a connection that heard of the request's progress or that it was accepted hears its
//     end, unless ended says that it need not.
func (h history) violations(max int, mustEnd bool) []string {
	var wrong []string
	fail := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !h.row.Status.Terminal() {
		fail("row: %s is not terminal", h.row.Status)
	}
	if h.row.Attempt > max || h.row.Attempt < 1 && h.row.Status != protocol.Cancelled && h.row.Code != protocol.Deadline {
		fail("row: attempt %d of %d", h.row.Attempt, max)
	}
	bySeq := map[int64]frame{}
	for n, frames := range h.seen {
		var applied int64
		var attempt int
		var percentage float64
		ended := false
		for _, f := range frames {
			if !f.event() {
				continue
			}
			if twin, ok := bySeq[f.Seq]; ok && !sameFrame(twin, f) {
				fail("connection %d: seq %d is two frames: %s and %s", n, f.Seq, twin.raw, f.raw)
			}
			bySeq[f.Seq] = f
			if f.Type().Terminal() {
				h.terminal(f, func(text string) { fail("connection %d: %s: %s", n, text, f.raw) })
			}
			if f.Seq <= applied {
				continue // a client drops it
			}
			if ended {
				fail("connection %d: applied after the end: %s", n, f.raw)
			}
			applied, ended = f.Seq, ended || f.Type().Terminal()
			at, done := f.progressed()
			switch {
			case at < attempt:
				fail("connection %d: attempt falls from %d: %s", n, attempt, f.raw)
			case at > attempt:
				attempt, percentage = at, 0
			}
			if f.Type() == protocol.TypeProgress {
				if done < percentage {
					fail("connection %d: percentage falls from %v: %s", n, percentage, f.raw)
				}
				percentage = done
			}
		}
		if mustEnd && !ended {
			fail("connection %d: no terminal frame among %d", n, len(frames))
		}
	}
	return wrong
}

// terminal compares a terminal frame with the row.
func (h history) terminal(f frame, fail func(string)) {
	// What a view of a terminal row carries is one below its terminal frame's number.
	if f.Seq != h.row.Seq+1 {
		fail(fmt.Sprintf("terminal with seq %d, the row's is %d", f.Seq, h.row.Seq+1))
	}
	status, attempt := protocol.Cancelled, h.row.Attempt
	switch f := f.Frame.(type) {
	case protocol.Complete:
		status, attempt = protocol.Completed, f.Attempt
		if !bytes.Equal(linkless(f.Result), linkless(h.row.Result)) {
			fail(fmt.Sprintf("the row's result is %s", h.row.Result))
		}
	case protocol.FailedFrame:
		status, attempt = protocol.Failed, f.Attempt
		if f.Code != h.row.Code || f.Message != h.row.Error {
			fail(fmt.Sprintf("the row's code is %s: %s", h.row.Code, h.row.Error))
		}
	}
	if status != h.row.Status || attempt != h.row.Attempt {
		fail(fmt.Sprintf("the row is %s at attempt %d", h.row.Status, h.row.Attempt))
	}
}

// event tells a frame with a seq of its request: no answer.
func (f frame) event() bool {
	return f.Type().Terminal() || f.Type() == protocol.TypeProgress || f.Type() == protocol.TypeRetrying
}

// progressed is the attempt that a frame is of, and how far that is.
func (f frame) progressed() (attempt int, percentage float64) {
	switch f := f.Frame.(type) {
	case protocol.Progress:
		return f.Attempt, f.Percentage
	case protocol.RetryingFrame:
		return f.Attempt, 0
	case protocol.Complete:
		return f.Attempt, 100
	case protocol.FailedFrame:
		return f.Attempt, 0
	}
	return 1 << 30, 0 // cancelled: after every attempt
}

// links are made for each frame anew.
var links = regexp.MustCompile(`"(url":"[^"]*|expires_at":\d+)`)

func linkless(doc []byte) []byte { return links.ReplaceAll(doc, []byte(`"$$`)) }

// sameFrame compares two frames but for when they were made, and for the message that a
// terminal frame may answer.
func sameFrame(a, b frame) bool {
	plain := func(f frame) (m map[string]any) {
		if err := json.Unmarshal(f.raw, &m); err != nil {
			return nil
		}
		delete(m, "ts")
		delete(m, "id")
		return m
	}
	return reflect.DeepEqual(plain(a), plain(b))
}

// consistent fails the test if a history has what must never be.
func consistent(t *testing.T, h history, mustEnd bool) {
	t.Helper()
	for _, wrong := range h.violations(maxAttempts, mustEnd) {
		t.Errorf("request %s: %s", h.requestID, wrong)
	}
}

// The checker finds each violation that is planted in a history without one.
func TestViolationsAreFound(t *testing.T) {
	t.Parallel()
	const (
		first  = `{"type":"progress","request_id":"r","seq":1000001,"ts":1,"attempt":1,"percentage":20,"message":"a"}`
		second = `{"type":"progress","request_id":"r","seq":1000002,"ts":2,"attempt":1,"percentage":40,"message":"b"}`
		again  = `{"type":"retrying","request_id":"r","seq":1000003,"ts":3,"attempt":1,"next_at":9,"code":"INTERNAL"}`
		third  = `{"type":"progress","request_id":"r","seq":2000001,"ts":4,"attempt":2,"percentage":20,"message":"a"}`
		end    = `{"type":"complete","request_id":"r","seq":2000002,"ts":5,"attempt":2,"result":{"n":1}}`
	)
	good := []string{`{"type":"accepted","request_id":"r","id":"m","status":"PENDING","ts":1}`, first, second, again, third, second, end, strings.Replace(end, `"ts":5`, `"ts":6`, 1), third}
	row := protocol.Request{RequestID: "r", Status: protocol.Completed, Attempt: 2, Seq: 2000001, Result: json.RawMessage(`{"n":1}`)}
	replace := func(old, with string) func([]string) []string {
		return func(frames []string) []string {
			var out []string
			for _, f := range frames {
				out = append(out, strings.ReplaceAll(f, old, with))
			}
			return out
		}
	}
	more := func(frame string) func([]string) []string {
		return func(frames []string) []string { return append(frames, frame) }
	}
	tests := []struct {
		name   string
		frames func([]string) []string
		row    func(*protocol.Request)
		want   string
	}{
		{"nothing", nil, nil, ""},
		{"a row that is open", nil, func(r *protocol.Request) { r.Status = protocol.Processing }, "not terminal"},
		{"too many attempts", replace(`"attempt":2`, `"attempt":4`), func(r *protocol.Request) { r.Attempt = 4 }, "attempt 4 of 3"},
		{"no end", func(f []string) []string { return f[:5] }, nil, "no terminal frame"},
		{"two ends", more(`{"type":"failed","request_id":"r","seq":2000003,"ts":9,"attempt":2,"code":"INTERNAL","message":"x"}`), nil, "applied after the end"},
		{"another end with the same seq", more(`{"type":"complete","request_id":"r","seq":2000002,"ts":9,"attempt":2,"result":{"n":2}}`), nil, "two frames"},
		{"progress after the end", more(`{"type":"progress","request_id":"r","seq":2000009,"ts":9,"attempt":2,"percentage":60,"message":"c"}`), nil, "applied after the end"},
		{"another status", nil, func(r *protocol.Request) { r.Status = protocol.Failed }, "the row is FAILED"},
		{"another attempt", nil, func(r *protocol.Request) { r.Attempt = 3 }, "at attempt 3"},
		{"another seq", nil, func(r *protocol.Request) { r.Seq = 3000001 }, "the row's is 3000002"},
		{"another result", nil, func(r *protocol.Request) { r.Result = json.RawMessage(`{"n":2}`) }, "the row's result"},
		{"a percentage that falls", replace(`"percentage":40`, `"percentage":10`), nil, "percentage falls"},
		{"an attempt that falls", replace(`"attempt":2,"result"`, `"attempt":1,"result"`), func(r *protocol.Request) { r.Attempt = 1 }, "attempt falls"},
		{"a seq used twice", replace(`"seq":1000002`, `"seq":1000001`), nil, "two frames"},
	}
	for _, test := range tests {
		frames, row := good, row
		if test.frames != nil {
			frames = test.frames(append([]string(nil), good...))
		}
		if test.row != nil {
			test.row(&row)
		}
		h := history{requestID: "r", row: row, seen: [][]frame{nil}}
		for _, raw := range frames {
			f, err := decode(1, []byte(raw))
			if err != nil {
				t.Fatal(err)
			}
			h.seen[0] = append(h.seen[0], f)
		}
		wrong := strings.Join(h.violations(maxAttempts, true), "\n")
		if test.want == "" && wrong != "" || !strings.Contains(wrong, test.want) {
			t.Errorf("%s: found %q, want %q", test.name, wrong, test.want)
		}
	}
}
