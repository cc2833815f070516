package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/pay-theory/streamer/protocol"
)

// request is what a client keeps of one that it follows: the newest state, and the end
// once there is one.
type request struct {
	id string

	mu sync.Mutex
	state
	seq  int64         // of the newest frame
	news chan struct{} // closed at the next change
}

type state struct {
	version int // counts the changes of update
	update  Update
	end     protocol.Frame // the terminal frame
	lost    error          // why no end will come any more
}

func newRequest(id string) *request {
	r := &request{id: id, seq: -1, news: make(chan struct{})}
	r.update.Status = protocol.Pending
	return r
}

// take brings the request on, unless the frame is older than what it knows. Answers that
// say the request has ended change nothing: the terminal frame says more, and comes too.
func (r *request) take(f protocol.Frame) {
	seq := int64(0) // of accepted: it stands before everything else
	switch f := f.(type) {
	case protocol.Accepted:
		if f.Status.Terminal() {
			return
		}
	case protocol.Subscribed:
		if seq = f.Seq; f.Status.Terminal() {
			return
		}
	default:
		e, _ := protocol.EventOf(f)
		seq = e.Seq
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq <= r.seq || r.end != nil {
		return
	}
	r.seq = seq
	r.update = r.update.after(f)
	r.version++
	if f.Type().Terminal() {
		r.end = f
	}
	r.tell()
}

// lose ends the following without an end.
func (r *request) lose(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = fmt.Errorf("request %s: %w; it goes on: dial again and watch it by its id", r.id, cause)
	r.tell()
}

func (r *request) tell() {
	close(r.news)
	r.news = make(chan struct{})
}

// look returns the state, and what is closed at its next change.
func (r *request) look() (state, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state, r.news
}

// await returns the state once it is as wanted, or will not be any more.
func (r *request) await(ctx context.Context, wanted func(state) bool) (state, error) {
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
		case <-ctx.Done():
			return now, ctx.Err()
		}
	}
}
