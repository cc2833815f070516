package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"github.com/pay-theory/streamer/protocol"
)

// Run is a request that a client follows, over any number of connections, until it has
// ended or every Run of it is detached. It is safe for concurrent use, and any number of
// goroutines may look at one.
type Run[Out any] struct {
	client  *Client
	request *request
	left    chan struct{} // closed by Detach
	leave   func()
}

func newRun[Out any](c *Client, r *request) *Run[Out] {
	run := &Run[Out]{client: c, request: r, left: make(chan struct{})}
	run.leave = sync.OnceFunc(func() {
		close(run.left)
		c.unfollow(r)
	})
	return run
}

// ID is the request's id: 26 characters, all that it takes to Watch it from elsewhere.
func (r *Run[Out]) ID() string { return r.request.id }

// Updates yields what becomes of the request: that it was accepted, its newest progress
// after each change, each retry, and its end, which has a terminal Status and comes last.
// A slow reader skips progress, and nothing else; it never falls behind and nothing is
// kept for it. Each iteration begins anew.
//
// Connections that end do not show here, see Client.States. An error is the last thing
// that is yielded: ctx's, ErrDetached, ErrDisconnected, or an *Error if the request may
// not be watched any more. That a request failed is no error here; Result says why it did.
func (r *Run[Out]) Updates(ctx context.Context) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for seen := 0; ; {
			now, err := r.request.await(ctx, r.left, func(now state) bool { return now.version > seen })
			if err != nil {
				yield(Update{}, err)
				return
			}
			next := now.after(seen)
			if seen = next.version; !yield(next.update, nil) || next.update.Status.Terminal() {
				return
			}
		}
	}
}

// Result waits for the request's end, however often the connection does, and returns its
// result. One that failed or was cancelled gives an *Error, with CodeCancelled if it was
// cancelled. A result that is too large for a frame is fetched, and checked against its
// size and hash; CodeUnreachable says that it could not be, and Result may be called
// again. The wait ends as that of Updates does; the request goes on.
func (r *Run[Out]) Result(ctx context.Context) (Out, error) {
	var out Out
	now, err := r.request.await(ctx, r.left, func(now state) bool { return now.end != nil })
	if err != nil {
		return out, err
	}
	result, err := r.client.result(ctx, now.end)
	if err != nil {
		return out, fmt.Errorf("request %s: %w", r.ID(), err)
	}
	if err := json.Unmarshal(result, &out); err != nil {
		return out, fmt.Errorf("request %s: the result is no %T: %w", r.ID(), out, err)
	}
	return out, nil
}

// Cancel asks the stage to cancel the request, and returns once it has taken note. One
// that waits ends at once, one that runs when its handler gives way; how it ended, which
// may be otherwise, is for Updates and Result to say. Cancelling what has ended changes
// nothing and is no error.
func (r *Run[Out]) Cancel(ctx context.Context) error {
	if now, _ := r.request.look(); now.end != nil {
		return nil
	}
	_, err := r.client.ask(ctx, protocol.Message{Action: protocol.ActionCancel, RequestID: r.ID()})
	return err
}

// Detach stops following the request, which goes on: whoever still waits for this Run gets
// ErrDetached. A client that runs for long detaches what it has lost interest in.
func (r *Run[Out]) Detach() { r.leave() }
