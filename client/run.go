package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"

	"github.com/pay-theory/streamer/protocol"
)

// Run is a request that a client follows. It is safe for concurrent use, any number of
// goroutines may look at one, and it needs no closing: whoever loses interest drops it.
type Run[Out any] struct {
	client  *Client
	request *request
}

// ID is the request's id: 26 characters, all that it takes to Watch it from elsewhere.
func (r *Run[Out]) ID() string { return r.request.id }

// Updates yields the request's newest state, at once and after each change, until the
// request has ended: the last update has its terminal Status. A slow reader skips
// updates, it never falls behind and nothing is kept for it. An error is the last thing
// that is yielded: ctx's, or ErrDisconnected. That a request failed is no error here;
// Result says why it did.
func (r *Run[Out]) Updates(ctx context.Context) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for seen := -1; ; {
			now, err := r.request.await(ctx, func(now state) bool { return now.version != seen })
			if err != nil {
				yield(Update{}, err)
				return
			}
			if seen = now.version; !yield(now.update, nil) || now.end != nil {
				return
			}
		}
	}
}

// Result waits for the request's end and returns its result. One that failed or was
// cancelled gives an *Error, with CodeCancelled if it was cancelled. A result that is too
// large for a frame is fetched, and checked against its size and hash. The wait ends with
// ctx, or with ErrDisconnected; the request goes on.
func (r *Run[Out]) Result(ctx context.Context) (Out, error) {
	var out Out
	now, err := r.request.await(ctx, func(now state) bool { return now.end != nil })
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
	_, err := r.client.ask(ctx, protocol.Message{Action: protocol.ActionCancel, RequestID: r.ID()}, false)
	return err
}
