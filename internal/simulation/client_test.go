package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// client is somebody's program: it submits, watches, cancels, loses its connection and
// comes back. It keeps to the rules that clients are given.
type client struct {
	w            *world
	name         string
	tenant, user string

	conn       *conn
	connecting bool
	away       bool // until something calls it back
	leaving    bool // submits nothing any more
	ids        int
	wants      []*want
	seen       map[string]*seen
	asks       map[string]*pending // by message id
}

// want is one request that a client means to make.
type want struct {
	client  *client
	ref     string
	action  string
	job     job
	key     string
	message string
	started bool
	tries   int
	id      string // once it is accepted
}

// seen is what a client knows of a request.
type seen struct {
	id         string
	last       int64
	percentage float64
	end        protocol.Frame
	ask        bool // ask again, whatever is known
}

// pending is a message that waits for its answer.
type pending struct {
	what string
	id   string // of the request, if it is known
	want *want
}

// populate makes the clients and what they want.
func (w *world) populate() {
	users := []string{"ann", "ann", "ben"}
	for i := range 1 + w.dice.IntN(3) {
		c := &client{w: w, name: fmt.Sprint("client-", i+1), tenant: "acme", user: users[i], seen: map[string]*seen{}, asks: map[string]*pending{}}
		w.clients = append(w.clients, c)
		w.in(w.between(0, 10*time.Second), c.wake)
		if w.plan.disconnects > 0 {
			w.in(w.between(0, time.Minute), c.stumble)
		}
	}
	for n := range 1 + w.dice.IntN(5) {
		c := w.clients[w.dice.IntN(len(w.clients))]
		action := actions[w.dice.IntN(len(actions))]
		wt := &want{client: c, ref: fmt.Sprint("want-", n+1), action: action.Name, job: job{
			Kind: kinds[w.dice.IntN(len(kinds))], N: n + 1, Steps: w.dice.IntN(9), StepMS: 1 + w.dice.IntN(4400),
		}}
		m := protocol.Message{Action: action.Name, ID: wt.ref}
		if w.dice.IntN(2) == 0 {
			wt.key = fmt.Sprint("key-", n+1)
			m.IdempotencyKey = wt.key
		}
		switch w.dice.IntN(8) {
		case 0:
			wt.job.Pad = strings.Repeat("p", 1000)
		case 1:
			wt.job.Pad = strings.Repeat("p", protocol.MaxInline)
		}
		if !w.plan.quiet && w.dice.IntN(3) > 0 {
			m.DeadlineMS = w.between(10*time.Second, 20*time.Minute).Milliseconds()
		}
		m.Payload = encode(wt.job)
		wt.message = string(encode(m))
		c.wants = append(c.wants, wt)
		w.in(w.between(0, w.plan.faults*3/4), func() {
			wt.started = true
			c.wake()
		})
	}
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// stumble loses the connection now and then.
func (c *client) stumble() {
	if c.w.calm {
		return
	}
	if c.conn != nil && c.w.chance(c.w.plan.disconnects) {
		c.drop()
		if c.w.dice.IntN(8) > 0 {
			c.w.in(c.w.between(100*time.Millisecond, 90*time.Second), c.back)
		}
	}
	c.w.in(c.w.between(5*time.Second, time.Minute), c.stumble)
}

func (c *client) drop() {
	c.w.gateway.close(c.conn)
	c.conn, c.away = nil, true
	clear(c.asks)
}

func (c *client) back() {
	c.away = false
	c.wake()
}

// wake sends whatever there is to send.
func (c *client) wake() {
	if c.away || c.connecting {
		return
	}
	if c.conn == nil {
		c.connecting = true
		c.w.gateway.connect(c, func(opened *conn) {
			c.connecting = false
			if c.conn = opened; opened == nil {
				c.w.in(c.w.between(time.Second, 4*time.Second), c.wake)
				return
			}
			c.w.note(c.name, "has "+opened.id, "")
			c.wake()
		})
		return
	}
	for _, wt := range c.wants {
		if c.wanting(wt) && !c.waits(func(p *pending) bool { return p.want == wt }) {
			wt.tries++
			c.send(wt.ref, &pending{what: "submit", want: wt}, wt.message)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.seen)) {
		s := c.seen[id]
		if (s.ask || s.end == nil && !c.conn.watching[id]) && !c.waits(func(p *pending) bool { return p.id == id && p.what == "subscribe" }) {
			c.about(protocol.ActionSubscribe, "subscribe", id)
		}
	}
}

// wanting reports whether a want is to be submitted, again perhaps: one with a key until
// it is answered, one without only so often.
func (c *client) wanting(wt *want) bool {
	return !c.leaving && wt.started && wt.id == "" && (wt.key != "" || wt.tries < 3)
}

func (c *client) waits(which func(*pending) bool) bool {
	for _, p := range c.asks {
		if which(p) {
			return true
		}
	}
	return false
}

// about sends a message about a request.
func (c *client) about(action, what, id string) {
	c.ids++
	m := fmt.Sprint(what, "-", c.ids)
	c.send(m, &pending{what: what, id: id}, string(encode(protocol.Message{Action: action, ID: m, RequestID: id})))
}

func (c *client) send(id string, p *pending, body string) {
	c.asks[id] = p
	c.w.note(c.name, "sends "+id, short("    "+p.id))
	c.w.gateway.message(c.conn, body)
	c.w.in(c.w.between(5*time.Second, 35*time.Second), func() {
		if c.asks[id] == p {
			delete(c.asks, id)
			c.wake()
		}
	})
}

// restless says what a client still waits for.
func (c *client) restless() string {
	if c.away {
		return ""
	}
	if c.conn == nil {
		return " is not connected"
	}
	for id, p := range c.asks {
		return " waits for " + id + " " + p.what
	}
	for _, wt := range c.wants {
		if c.wanting(wt) || !wt.started && !c.leaving {
			return " wants " + wt.ref
		}
	}
	for id, s := range c.seen {
		if s.ask || s.end == nil && !c.conn.watching[id] {
			return " asks for " + short(id)
		}
	}
	return ""
}

// askAll has the client come back, if it was away, and ask for all it knows of.
func (c *client) askAll() {
	c.leaving = true
	for _, s := range c.seen {
		s.ask = true
	}
	c.back()
}

// know is what a client knows of a request, from now on.
func (c *client) know(id string) *seen {
	if c.seen[id] == nil {
		c.seen[id] = &seen{id: id, last: -1}
	}
	return c.seen[id]
}

// take is a frame that came in.
func (c *client) take(at *conn, data []byte) {
	if at != c.conn {
		return
	}
	f, err := protocol.DecodeFrame(data)
	if err != nil {
		c.w.note(c.name, "gets", string(data[:min(len(data), 40)]))
		return // API Gateway's own
	}
	if e, ok := protocol.EventOf(f); ok {
		c.w.note(c.name, "gets "+string(f.Type())+" "+short(e.RequestID), fmt.Sprint(e.Seq))
		c.event(at, e, f)
		return
	}
	c.w.note(c.name, "gets "+string(f.Type()), "")
	switch f := f.(type) {
	case protocol.Accepted:
		p := c.asks[f.ID]
		if p == nil || p.want == nil {
			p = &pending{want: c.wanted(f.ID)}
		}
		c.accepted(at, p.want, f)
	case protocol.Subscribed:
		if f.Status.Terminal() {
			return // what ends it comes, and answers
		}
		delete(c.asks, f.ID)
		at.watching[f.RequestID] = true
		if s := c.know(f.RequestID); f.Seq > s.last && s.end == nil {
			s.last, s.percentage = f.Seq, f.Percentage
		}
	case protocol.Request:
		delete(c.asks, f.ID)
		c.w.shown(f)
	case protocol.Error:
		p := c.asks[f.ID]
		delete(c.asks, f.ID)
		if f.Code != protocol.Unavailable && f.Code != protocol.TooManyWatchers {
			c.w.violate("%s is told %s: %s (%+v)", c.name, f.Code, f.Message, p)
		}
		c.w.in(c.w.between(time.Second, 5*time.Second), c.wake)
	default:
		c.w.violate("%s gets a frame %s", c.name, f.Type())
	}
}

func (c *client) wanted(ref string) *want {
	for _, wt := range c.wants {
		if wt.ref == ref {
			return wt
		}
	}
	return nil
}

// accepted is the answer to a submit.
func (c *client) accepted(at *conn, wt *want, f protocol.Accepted) {
	if wt == nil {
		c.w.violate("%s gets accepted for nothing it sent: %+v", c.name, f)
		return
	}
	c.w.accepted(wt, f.RequestID)
	first := wt.id == ""
	wt.id = f.RequestID
	c.know(f.RequestID)
	if !f.Duplicate || !f.Status.Terminal() {
		at.watching[f.RequestID] = true
		delete(c.asks, f.ID)
	}
	if !first {
		return
	}
	if c.w.plan.cancels > 0 && c.w.chance(c.w.plan.cancels) {
		c.w.in(c.w.between(0, 90*time.Second), func() {
			if c.conn != nil {
				c.w.cancelled[f.RequestID] = true
				c.about(protocol.ActionCancel, "cancel", f.RequestID)
			}
		})
	}
	if c.w.dice.IntN(3) == 0 {
		c.w.in(c.w.between(0, 90*time.Second), func() {
			if c.conn != nil {
				c.about(protocol.ActionGet, "get", f.RequestID)
			}
		})
	}
	for _, other := range c.w.clients {
		if other != c && other.user == c.user && c.w.dice.IntN(2) == 0 {
			c.w.in(c.w.between(0, 90*time.Second), func() {
				other.know(f.RequestID)
				other.wake()
			})
		}
	}
}

// event is a frame about the life of a request. One that is not above the last is
// dropped, as clients are told to.
func (c *client) event(at *conn, e protocol.Event, f protocol.Frame) {
	s := c.know(e.RequestID)
	if wt := c.wanted(e.Ref); wt != nil && wt.id == "" {
		wt.id = e.RequestID // the answer was lost
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
		return fmt.Sprint(f.Seq, string(f.Result), ref, f.Attempt)
	case protocol.FailedFrame:
		return fmt.Sprint(f.Seq, f.Code, f.Message, f.Attempt)
	case protocol.CancelledFrame:
		return fmt.Sprint(f.Seq)
	}
	return ""
}
