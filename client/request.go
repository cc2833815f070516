package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/pay-theory/streamer/protocol"
)

// maxMarks is how many updates are kept that no reader may miss: a request has 10 attempts
// at most, and so a handful of them.
const maxMarks = 32

// request is what a client keeps of one that it follows: the newest state, the few before
// that matter, and the end once there is one.
type request struct {
	id        string
	followers int // the client's lock guards it

	mu sync.Mutex
	state
	seq  int64         // of the newest frame
	news chan struct{} // closed at the next change
}

type state struct {
	version int // counts the changes of update, from 1
	update  Update
	marks   []mark
	end     protocol.Frame // the terminal frame
	lost    error          // why no end will come any more
}

// mark is an update that no reader misses: that the request is accepted, a retry, the end.
type mark struct {
	version int
	update  Update
}

// newRequest begins with what the first frame says, that the request is accepted at least.
func newRequest(id string, first protocol.Frame) *request {
	r := &request{id: id, news: make(chan struct{})}
	u := Update{Status: protocol.Pending}
	switch f := first.(type) {
	case protocol.Accepted:
		if !f.Status.Terminal() { // what says how it ended comes too
			u = u.after(f)
		}
	case protocol.Subscribed:
		if !f.Status.Terminal() {
			u, r.seq = u.after(f), f.Seq
		}
	}
	r.set(u)
	return r
}

// finished is a request that was over when it was answered.
func finished(f protocol.Response) *request {
	r := &request{id: f.RequestID, news: make(chan struct{})}
	r.take(protocol.Complete{Event: protocol.Event{RequestID: f.RequestID, TS: f.TS}, Result: f.Result})
	return r
}

// take brings the request on, unless the frame is older than what it knows. A terminal
// frame is the last word, whatever its number.
func (r *request) take(f protocol.Frame) {
	var seq int64
	switch f := f.(type) {
	case protocol.Accepted:
		return // it is known
	case protocol.Subscribed:
		if f.Status.Terminal() {
			return // the terminal frame says more, and comes too
		}
		seq = f.Seq
	default:
		e, _ := protocol.EventOf(f)
		seq = e.Seq
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	ends := f.Type().Terminal()
	if r.end != nil || seq <= r.seq && !ends {
		return
	}
	r.seq = seq
	if ends {
		r.end = f
	}
	r.set(r.update.after(f))
}

// set takes an update on.
func (r *request) set(u Update) {
	r.version++
	r.update = u
	if r.version == 1 || u.Status == protocol.Retrying || u.Status.Terminal() {
		r.marks = append(r.marks, mark{r.version, u})
		r.marks = r.marks[max(len(r.marks)-maxMarks, 0):]
	}
	r.tell()
}

// lose ends the following without an end.
func (r *request) lose(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end == nil && r.lost == nil {
		r.lost = fmt.Errorf("request %s: %w", r.id, cause)
		r.tell()
	}
}

func (r *request) tell() {
	close(r.news)
	r.news = make(chan struct{})
}

// after is the update that comes after a version: the next one that no reader misses, or
// else the newest.
func (s state) after(version int) mark {
	for _, m := range s.marks {
		if m.version > version {
			return m
		}
	}
	return mark{s.version, s.update}
}

// look returns the state, and what is closed at its next change.
func (r *request) look() (state, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state, r.news
}

// await returns the state once it is as wanted, or will not be any more. left is closed
// when nobody follows it for this one any more.
func (r *request) await(ctx context.Context, left <-chan struct{}, wanted func(state) bool) (state, error) {
	for {
		now, news := r.look()
		switch {
		case wanted(now):
			return now, nil
		case now.lost != nil:
			return now, now.lost
		}
		select {
		case <-news:
		case <-left:
			return now, fmt.Errorf("request %s: %w", r.id, ErrDetached)
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}
