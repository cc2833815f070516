package simulation

import (
	"fmt"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// want is one request that a client means to make.
type want struct {
	client   *client
	ref      string
	action   string
	async    bool
	job      job
	key      string
	deadline time.Duration
	upload   *upload // if the payload is uploaded first
	started  bool
	tries    int
	id       string    // once it is accepted
	over     bool      // once it is answered, or refused for good
	rests    time.Time // until then, after it was refused
}

// populate makes the clients and what they want.
func (w *world) populate() {
	for i := range 1 + w.dice.IntN(len(people)) {
		c := w.join(people[i], fmt.Sprint("client-", i+1), 10*time.Second)
		for range w.dice.IntN(3) {
			w.in(w.between(0, w.plan.faults), c.chatter)
		}
	}
	var wants []*want
	for range 1 + w.dice.IntN(5) {
		wants = append(wants, w.want(wants))
	}
	for n := range w.dice.IntN(3) {
		w.question(n)
	}
}

func (w *world) someone() *client { return w.clients[w.dice.IntN(len(w.clients))] }

// soon is when a want is begun with.
func (w *world) soon(wt *want) {
	wt.client.wants = append(wt.client.wants, wt)
	w.in(w.between(0, w.plan.faults*3/4), func() {
		wt.started = true
		wt.client.wake()
	})
}

// want makes up what a client wants of an async action: now and then under the key of
// another want, and of those now and then the very same.
func (w *world) want(others []*want) *want {
	n := len(others) + 1
	action := actions[w.dice.IntN(len(actions))]
	wt := &want{client: w.someone(), ref: fmt.Sprint("want-", n), action: action.Name, async: true, job: w.job(n, kinds)}
	if w.dice.IntN(2) == 0 {
		wt.key = fmt.Sprint("key-", n)
	}
	if n > 1 && w.dice.IntN(4) == 0 {
		if other := others[w.dice.IntN(len(others))]; other.key != "" {
			wt.key, wt.action, wt.job = other.key, other.action, other.job
			if w.dice.IntN(2) == 0 {
				wt.job.N = n
			}
		}
	}
	if !w.plan.quiet && w.dice.IntN(3) > 0 {
		wt.deadline = w.between(10*time.Second, 20*time.Minute)
	}
	if len(wt.job.Pad) > protocol.MaxMessage {
		wt.upload = w.upload(wt)
	}
	w.soon(wt)
	return wt
}

// question makes up what a client wants of the sync action.
func (w *world) question(n int) {
	w.soon(&want{client: w.someone(), ref: fmt.Sprint("question-", n+1), action: question.Name, job: w.job(-n-1, answers)})
}

// job makes up what is to be done.
func (w *world) job(n int, kinds []string) job {
	j := job{Kind: kinds[w.dice.IntN(len(kinds))], N: n, Steps: w.dice.IntN(9), StepMS: 1 + w.dice.IntN(4400)}
	switch w.dice.IntN(10) {
	case 0:
		j.Pad = strings.Repeat("p", 1000)
	case 1:
		j.Pad = strings.Repeat("p", protocol.MaxInline)
	case 2:
		j.Pad = strings.Repeat("p", protocol.MaxMessage+1)
	}
	if n < 0 && len(j.Pad) > protocol.MaxInline {
		j.Pad = ""
	}
	if w.bug.job != nil {
		w.bug.job(&j)
	}
	return j
}

// wanting reports whether a want is to be submitted, again perhaps: one with a key until
// it is answered, one without only so often.
func (c *client) wanting(wt *want) bool {
	return !c.leaving && wt.started && wt.id == "" && !wt.over && (wt.key != "" || wt.tries < 3)
}

func (wt *want) busy() bool { return wt.upload != nil && wt.upload.busy }

// submit does what is next for a want to be done. What is tried again goes by the same
// message id if it makes the same request.
func (c *client) submit(wt *want) {
	if u := wt.upload; u != nil && !u.done {
		c.announce(wt)
		return
	}
	wt.tries++
	m := protocol.Message{Action: wt.action, ID: wt.ref, IdempotencyKey: wt.key, DeadlineMS: wt.deadline.Milliseconds()}
	if !wt.async {
		m.ID = fmt.Sprint(wt.ref, "-", wt.tries)
	}
	if wt.upload != nil {
		m.PayloadRef = wt.upload.link.PayloadRef
	} else {
		m.Payload = encode(wt.job)
	}
	c.send(&pending{verb: wt.action, want: wt}, m)
}

func (c *client) wanted(ref string) *want {
	for _, wt := range c.wants {
		if wt.ref == ref {
			return wt
		}
	}
	return nil
}

// accepted is the answer to a submit. One that comes after the client has unsubscribed does
// not say that it watches.
func (c *client) accepted(at *conn, p *pending, f protocol.Accepted) {
	wt := p.want
	c.w.accepted(wt, f.RequestID)
	first := wt.id == ""
	wt.id = f.RequestID
	s := c.know(f.RequestID)
	if !f.Duplicate || !f.Status.Terminal() {
		if p.first.After(s.left) {
			at.watching[f.RequestID] = true
		}
		delete(c.asks, f.ID)
	}
	if first {
		c.meddle(f.RequestID)
	}
}

// meddle is what the world does about a request that was accepted: its client cancels
// it, looks at it, or stops to watch for a while; its user watches it elsewhere too; and
// somebody else tries to.
func (c *client) meddle(id string) {
	w := c.w
	later := func(do func()) { w.in(w.between(0, 90*time.Second), do) }
	if w.plan.cancels > 0 && w.chance(w.plan.cancels) {
		later(func() {
			if c.conn != nil {
				w.cancelled[id] = true
				c.about(protocol.ActionCancel, id)
			}
		})
	}
	if w.dice.IntN(3) == 0 {
		later(func() { c.about(protocol.ActionGet, id) })
	}
	if w.dice.IntN(6) == 0 {
		later(c.browse)
	}
	if w.dice.IntN(8) == 0 {
		later(func() {
			if c.conn != nil && !c.waits(func(p *pending) bool { return p.id == id && watches(p.verb) }) {
				delete(c.conn.watching, id)
				if s := c.seen[id]; s != nil {
					s.left = w.now()
				}
				c.about(protocol.ActionUnsubscribe, id)
			}
		})
	}
	for _, other := range w.clients {
		switch {
		case other == c || w.dice.IntN(2) == 0:
		case other.person == c.person:
			later(func() {
				other.know(id)
				other.wake()
			})
		default:
			later(func() { other.pry(id) })
		}
	}
}

// everyWant is what all clients want.
func (w *world) everyWant() (all []*want) {
	for _, c := range w.clients {
		all = append(all, c.wants...)
	}
	return all
}
