package integ_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// device is a client that holds on to its requests whatever becomes of its messages and
// connections.
type device struct {
	user  user
	conns []*client // one after the other; the last is open
	read  int       // frames of that one that were looked at
	asked map[string]*asked
	known map[string]*asked // by request id
}

// asked is a request as the device that asked for it knows it.
type asked struct {
	message protocol.Message
	work    time.Duration // that the handler takes
	at      time.Time     // when it was first asked for
	conn    *client       // and over which connection
	tries   int
	tried   time.Time
	id      string // once it is accepted
	ended   bool
}

func newDevice(u user, c *client) *device {
	return &device{user: u, conns: []*client{c}, asked: map[string]*asked{}, known: map[string]*asked{}}
}

func (d *device) conn() *client { return d.conns[len(d.conns)-1] }

// ask asks for work under a key of its own.
func (d *device) ask(t *testing.T, mark, key string, work time.Duration) {
	t.Helper()
	a := &asked{message: order(t, mark, key, work), work: work, at: time.Now(), conn: d.conn()}
	d.asked[a.message.ID] = a
	d.insist(t, a)
}

// insist asks for a request once more: with the same key as long as nothing tells that it
// is accepted, and then for its state, which the end follows if there is one.
func (d *device) insist(t *testing.T, a *asked) {
	t.Helper()
	m := a.message
	if a.id != "" {
		m = protocol.Message{Action: protocol.ActionSubscribe, RequestID: a.id}
	}
	if a.tries++; a.tries > 1 {
		m.ID = fmt.Sprintf("%s/%d", a.message.ID, a.tries)
		d.asked[m.ID] = a
	}
	a.tried = time.Now()
	d.conn().send(t, m)
}

// look takes note of what came since.
func (d *device) look(t *testing.T) {
	t.Helper()
	c := d.conn()
	c.mu.Lock()
	news := c.got[d.read:]
	d.read = len(c.got)
	c.mu.Unlock()
	for _, f := range news {
		switch {
		case f.Type() == protocol.TypeAccepted:
			a := d.asked[f.ID]
			a.id = f.RequestID
			d.known[a.id] = a
		case f.Type().Terminal():
			// A request may end before the device hears that it was accepted.
			if a := d.asked[f.Ref]; a != nil {
				a.id, a.ended = f.RequestID, true
				d.known[a.id] = a
			} else if a := d.known[f.RequestID]; a != nil {
				a.ended = true
			} else {
				t.Errorf("the end of what was not asked for: %s", f.raw)
			}
		}
	}
}

// comeBack cuts the connection and takes up on a new one whatever has not ended.
func (d *device) comeBack(t *testing.T) {
	t.Helper()
	_ = d.conn().conn.CloseNow()
	d.conn().gone(t)
	d.look(t)
	d.conns, d.read = append(d.conns, dial(t, d.user)), 0
	for _, a := range d.open() {
		d.insist(t, a)
	}
}

// open are the requests of which the end has not come.
func (d *device) open() []*asked {
	var open []*asked
	for id, a := range d.asked {
		if id == a.message.ID && !a.ended {
			open = append(open, a)
		}
	}
	return open
}

// persist asks once more for what was not heard of for a while, and returns what is open.
func (d *device) persist(t *testing.T) []*asked {
	t.Helper()
	const answer, end = 5 * time.Second, 15 * time.Second
	open := d.open()
	for _, a := range open {
		wait := answer
		if a.id != "" {
			wait = end
		}
		if time.Since(a.tried) > wait {
			d.insist(t, a)
		}
	}
	return open
}

// silence is how long nothing at all ends before what is open counts as lost: long enough
// for the reconciler, which runs every five minutes, to find a hint that was lost.
const silence = 10 * time.Minute

// finish waits until everything that the devices asked for has ended.
func finish(t *testing.T, devices []*device) {
	t.Helper()
	for heard, before := time.Now(), -1; ; time.Sleep(50 * time.Millisecond) {
		var open []*asked
		for _, d := range devices {
			d.look(t)
			open = append(open, d.open()...)
		}
		if len(open) == 0 {
			return
		}
		if len(open) != before {
			heard, before = time.Now(), len(open)
		}
		if time.Since(heard) > silence {
			t.Fatalf("%d requests are lost: nothing for %s; one is %q, asked for as %s %s ago", len(open), silence, open[0].id, open[0].message.ID, time.Since(open[0].at))
		}
	}
}

// forgive forgets that API Gateway answered some messages itself, as it does when a router
// dies.
func (c *client) forgive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mishaps = slices.DeleteFunc(c.mishaps, func(m mishap) bool { return m.Message == "Internal server error" })
}

// check holds what came of each request against its row: over all of its connections
// together the device applied one end of each. It returns what became of them, and how many
// frames came to a connection that had them already, as happens where the answer to a post
// does not come in time.
func (d *device) check(t *testing.T) (outcomes map[string]int, again int) {
	t.Helper()
	outcomes = map[string]int{}
	c, gets := d.conn(), map[string]string{}
	for id := range d.known {
		gets[id] = c.send(t, protocol.Message{Action: protocol.ActionGet, RequestID: id})
	}
	for id, sent := range gets {
		r := as[protocol.Request](t, c.wait(t, "the answer to get", func(f frame) bool { return f.ID == sent }))
		outcomes[fmt.Sprintf("%s%s at attempt %d", r.Status, r.Code, r.Attempt)]++
		consistent(t, historyOf(r, d.conns...), false)
		var all []frame
		for _, c := range d.conns {
			events := c.events(id)
			for i := 1; i < len(events); i++ {
				if events[i].Seq <= events[i-1].Seq {
					again++
				}
			}
			all = append(all, c.of(id)...)
		}
		consistent(t, history{id, r, [][]frame{all}}, true)
	}
	return outcomes, again
}
