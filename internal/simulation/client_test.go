package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// client is somebody's program: it submits, watches, cancels, loses its connection and
// comes back. It keeps to the rules that clients are given.
type client struct {
	person
	w    *world
	name string

	conn       *conn
	connecting bool
	away       bool // until something calls it back
	leaving    bool // submits nothing any more
	ids        int
	wants      []*want
	seen       map[string]*seen
	listing    *listing
	asks       map[string]*pending // what waits for its answer, by message id
	sent       map[string]*pending // all
}

// pending is a message that waits for its answer.
type pending struct {
	verb string
	id   string // of the request, if it is known
	want *want
	// listing is what a page is asked for, stood how the client's requests stood then.
	listing *listing
	stood   map[string]lifecycle.Row
	// refusal is the code that the message must be refused with; empty if it need not be.
	refusal protocol.Code
	on      *conn
	at      time.Time
	first   time.Time // when a message of its id was sent first: what answers that one comes late
	answers int
	lost    bool // the router died over it
}

// join adds a client that connects within so long.
func (w *world) join(p person, name string, within time.Duration) *client {
	c := &client{w: w, name: name, person: p, seen: map[string]*seen{}, asks: map[string]*pending{}, sent: map[string]*pending{}}
	w.clients = append(w.clients, c)
	w.in(w.between(0, within), c.wake)
	if w.plan.disconnects > 0 {
		w.in(w.between(0, time.Minute), c.stumble)
	}
	return c
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
		c.w.saw("world disconnect")
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
		if c.wanting(wt) && !wt.busy() && !c.w.now().Before(wt.rests) && !c.waits(func(p *pending) bool { return p.want == wt }) {
			c.submit(wt)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.seen)) {
		if c.asksFor(id) && !c.waits(func(p *pending) bool { return p.id == id && watches(p.verb) }) {
			c.about(protocol.ActionSubscribe, id)
		}
	}
	if c.listing != nil && !c.waits(func(p *pending) bool { return p.listing == c.listing }) {
		c.turn()
	}
}

// asksFor reports whether a client has to ask how a request is.
func (c *client) asksFor(id string) bool {
	s := c.seen[id]
	return s.ask || s.end == nil && !c.conn.watching[id]
}

func watches(verb string) bool {
	return verb == protocol.ActionSubscribe || verb == protocol.ActionUnsubscribe
}

func (c *client) waits(which func(*pending) bool) bool {
	for _, p := range c.asks {
		if which(p) {
			return true
		}
	}
	return false
}

// about sends a message about a request, if there is a connection.
func (c *client) about(verb, id string) {
	if c.conn != nil {
		c.ask(&pending{verb: verb, id: id}, nil)
	}
}

// ask sends a message of its own id.
func (c *client) ask(p *pending, change func(*protocol.Message)) {
	c.ids++
	m := protocol.Message{Action: p.verb, ID: fmt.Sprint(c.name, "-", c.ids), RequestID: p.id}
	if change != nil {
		change(&m)
		p.verb = m.Action
	}
	c.send(p, m)
}

func (c *client) send(p *pending, m protocol.Message) {
	p.on, p.at, p.first = c.conn, c.w.now(), c.w.now()
	if before := c.sent[m.ID]; before != nil {
		p.first = before.first
	}
	c.asks[m.ID], c.sent[m.ID] = p, p
	c.w.note(c.name, "sends "+m.Action+" "+m.ID, short("    "+p.id))
	c.w.saw("verb %s", m.Action)
	c.w.gateway.message(p, m.ID, string(encode(m)))
	patience := c.w.between(5*time.Second, 35*time.Second)
	if p.verb == protocol.ActionUnsubscribe {
		patience = 30 * time.Second // it must not take effect after a subscribe that follows
	}
	c.w.in(patience, func() {
		if c.asks[m.ID] == p {
			delete(c.asks, m.ID)
			c.wake()
		}
	})
}

// restless says what a client still waits for.
func (c *client) restless() string {
	if c.away && !c.leaving {
		return ""
	}
	if c.conn == nil {
		return " is not connected"
	}
	for id, p := range c.asks {
		return " waits for " + id + " " + p.verb
	}
	for _, wt := range c.wants {
		if c.wanting(wt) || !wt.started && !c.leaving {
			return " wants " + wt.ref
		}
	}
	if c.listing != nil {
		return " goes through its list"
	}
	for id, s := range c.seen {
		if c.asksFor(id) || s.fetching {
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
	c.w.saw("frame %s", f.Type())
	if e, ok := protocol.EventOf(f); ok {
		c.w.note(c.name, "gets "+string(f.Type())+" "+short(e.RequestID), fmt.Sprint(e.Seq))
		c.event(at, e, f)
		return
	}
	c.w.note(c.name, "gets "+string(f.Type()), "")
	p := c.sent[answerOf(f).ID]
	if p == nil {
		c.w.violate("%s gets %s for nothing it sent: %+v", c.name, f.Type(), f)
		return
	}
	p.answers++
	c.w.heard(c, p, f)
	switch f := f.(type) {
	case protocol.Accepted:
		if p.want != nil { // else it must have been refused
			c.accepted(at, p, f)
			return
		}
	case protocol.Subscribed:
		if f.Status.Terminal() {
			return // what ends it comes, and answers
		}
		at.watching[f.RequestID] = true
		if s := c.know(f.RequestID); f.Seq > s.last && s.end == nil {
			s.last, s.percentage = f.Seq, f.Percentage
		}
	case protocol.Unsubscribed:
		delete(at.watching, f.RequestID)
		c.w.in(c.w.between(time.Second, 20*time.Second), c.wake)
	case protocol.Request:
		c.w.shown(f)
	case protocol.Requests:
		c.listed(p, f)
	case protocol.Response:
		p.want.over = true
	case protocol.Upload:
		if c.asks[f.ID] != p {
			return // it was given up, and asked again
		}
		p.want.upload.link = &f
		delete(c.asks, f.ID)
		c.wake()
	case protocol.Error:
		c.refused(p, f)
	case protocol.Pong:
	default:
		c.w.violate("%s gets a frame %s", c.name, f.Type())
	}
	delete(c.asks, answerOf(f).ID)
}

// refused is the answer to a message that was not done.
func (c *client) refused(p *pending, f protocol.Error) {
	switch f.Code {
	case protocol.Unauthenticated:
		if p.on == c.conn {
			c.drop()
			c.w.in(c.w.between(100*time.Millisecond, 5*time.Second), c.back)
		}
		return
	case protocol.Unavailable, protocol.TooManyWatchers, protocol.TooManyRequests:
		if row, exists := c.w.row(p.id); exists && p.verb == protocol.ActionUnsubscribe {
			c.w.forsake(row.PK) // it may yet take effect, after a subscribe that follows
		}
	case protocol.NotFound:
		delete(c.seen, p.id)
		fallthrough
	default:
		if p.want != nil {
			p.want.over = true
		}
	}
	rest := c.w.between(time.Second, 5*time.Second)
	if p.want != nil {
		p.want.rests = c.w.now().Add(rest)
	}
	c.w.in(rest, c.wake)
}
