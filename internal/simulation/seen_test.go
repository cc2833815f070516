package simulation

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// seen is what a client knows of a request.
type seen struct {
	id         string
	last       int64
	percentage float64
	end        protocol.Frame
	ask        bool      // ask again, whatever is known
	fetching   bool      // the result, which is too large for a frame
	stale      bool      // the link to it: a fresh one is asked for
	left       time.Time // when it was unsubscribed last
}

// know is what a client knows of a request, from now on.
func (c *client) know(id string) *seen {
	if c.seen[id] == nil {
		c.seen[id] = &seen{id: id, last: -1}
	}
	return c.seen[id]
}

// event is a frame about the life of a request. One that is not above the last is
// dropped, as clients are told to.
func (c *client) event(at *conn, e protocol.Event, f protocol.Frame) {
	if c.w.bygone(f) {
		return
	}
	s := c.know(e.RequestID)
	if s.end != nil && c.w.bygone(s.end) {
		*s = seen{id: s.id, last: -1}
	}
	if wt := c.wanted(e.Ref); wt != nil && wt.id == "" {
		wt.id = e.RequestID // the answer was lost
		c.w.wants[e.RequestID] = wt
		delete(c.asks, wt.ref)
	}
	terminal := f.Type().Terminal()
	if terminal {
		s.ask = false
		at.ended[e.RequestID] = true
		for id, p := range c.asks {
			if p.id == e.RequestID || p.want != nil && p.want.id == e.RequestID {
				delete(c.asks, id)
			}
		}
	}
	switch {
	case s.end != nil && terminal:
		if !alike(s.end, f) {
			c.w.violate("%s got two ends of %s: %s and %s", c.name, short(e.RequestID), encode(s.end), encode(f))
		}
		if f, completed := f.(protocol.Complete); completed && s.stale {
			s.stale = false
			c.completed(s, f)
		}
		return
	case s.end != nil:
		if e.Seq > s.last {
			c.w.violate("%s would apply %s %d of %s after its end %d", c.name, f.Type(), e.Seq, short(e.RequestID), s.last)
		}
		return
	case e.Seq <= s.last:
		if terminal {
			c.w.violate("%s must drop the end %d of %s, since it had %d", c.name, e.Seq, short(e.RequestID), s.last)
		}
		return
	}
	if p, ok := f.(protocol.Progress); ok {
		if e.Seq/1_000_000 == s.last/1_000_000 && p.Percentage < s.percentage {
			c.w.violate("%s sees %s fall from %v to %v", c.name, short(e.RequestID), s.percentage, p.Percentage)
		}
		s.percentage = p.Percentage
	}
	s.last = e.Seq
	if terminal {
		s.end = f
	}
	if f, completed := f.(protocol.Complete); completed {
		c.completed(s, f)
	}
}

// completed looks at a result, or goes to get it.
func (c *client) completed(s *seen, f protocol.Complete) {
	var file streamer.File
	switch {
	case f.ResultRef != nil:
		c.fetch(s.id, f.ResultRef.URL, f.ResultRef.Size, f.ResultRef.SHA256)
		return
	case json.Unmarshal(f.Result, &file) == nil && file.URL != "":
		c.fetch(s.id, file.URL, file.Size, "")
	}
	c.w.result(c, s.id, f.Result)
}

// alike compares two terminal frames but for when and to whom they were sent.
func alike(a, b protocol.Frame) bool { return essence(a) == essence(b) }

func essence(f protocol.Frame) string {
	switch f := f.(type) {
	case protocol.Progress:
		return fmt.Sprint(f.Seq, f.Percentage, f.Message, f.Attempt)
	case protocol.RetryingFrame:
		return fmt.Sprint(f.Seq, f.Attempt, f.NextAt, f.Code)
	case protocol.Complete:
		ref := ""
		if f.ResultRef != nil {
			ref = f.ResultRef.SHA256
		}
		return fmt.Sprint(f.Seq, withoutLink(f.Result), ref, f.Attempt)
	case protocol.FailedFrame:
		return fmt.Sprint(f.Seq, f.Code, f.Message, f.Attempt)
	case protocol.CancelledFrame:
		return fmt.Sprint(f.Seq)
	}
	return ""
}

// withoutLink is a result but for what is made anew at each delivery.
func withoutLink(result json.RawMessage) string {
	var out outcome
	if !strings.Contains(string(result), `"url":"http`) || json.Unmarshal(result, &out) != nil {
		return string(result)
	}
	out.URL, out.ExpiresAt = "", 0
	return string(encode(out))
}
