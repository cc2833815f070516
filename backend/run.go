package backend

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// The pause between two looks at a request: it doubles while nothing changes.
const (
	leastPause = 250 * time.Millisecond
	mostPause  = 5 * time.Second
)

// Run is a request that a program follows. It holds nothing, is safe for concurrent use,
// and needs no closing.
type Run[Out any] struct {
	client    *Client
	id        string
	duplicate bool
}

// ID is the request's id: 26 characters, all that it takes to Watch it from elsewhere.
func (r *Run[Out]) ID() string { return r.id }

// Duplicate reports whether the idempotency key had brought this request in before.
func (r *Run[Out]) Duplicate() bool { return r.duplicate }

// Updates yields the request as it is now, and again after each change, until it has
// ended: the last one has its terminal Status, and the result as streamer.get would show
// it. States in between are skipped if they pass between two looks, of which there is one
// after a quarter of a second, and less and less often, down to one in five seconds, while
// nothing changes. An error is the last thing that is yielded: ctx's, or that of a call to
// AWS. That a request failed is no error here; Result says why it did.
func (r *Run[Out]) Updates(ctx context.Context) iter.Seq2[protocol.Request, error] {
	return func(yield func(protocol.Request, error) bool) {
		for row, err := range r.client.follow(ctx, r.id) {
			var shown protocol.Request
			if err == nil {
				shown, err = r.client.show(ctx, row)
			}
			if err != nil {
				yield(protocol.Request{}, fmt.Errorf("request %s: %w", r.id, err))
				return
			}
			if !yield(shown, nil) {
				return
			}
		}
	}
}

// Result waits for the request's end and returns its result, whatever its size. One that
// failed gives the *streamer.Error that it failed with, one that was cancelled
// streamer.ErrCancelled. The wait ends with ctx; the request goes on.
func (r *Run[Out]) Result(ctx context.Context) (Out, error) {
	var out Out
	for row, err := range r.client.follow(ctx, r.id) {
		if err == nil && !row.Status.Terminal() {
			continue
		}
		var result json.RawMessage
		if err == nil {
			result, err = r.client.result(ctx, row)
		}
		if err != nil {
			return out, fmt.Errorf("request %s: %w", r.id, err)
		}
		if err := json.Unmarshal(result, &out); err != nil {
			return out, fmt.Errorf("request %s: the result is no %T: %w", r.id, out, err)
		}
	}
	return out, nil
}

// Cancel is the client's Cancel of this request.
func (r *Run[Out]) Cancel(ctx context.Context) (protocol.Request, error) {
	return r.client.Cancel(ctx, r.id)
}

// follow reads a request until it has ended, and yields each row that shows something
// new. An error is the last thing that is yielded.
func (c *Client) follow(ctx context.Context, requestID string) iter.Seq2[lifecycle.Row, error] {
	return func(yield func(lifecycle.Row, error) bool) {
		type shown struct {
			status     protocol.Status
			fence, seq int64
			percentage float64
			message    string
		}
		var last shown
		for pause := leastPause; ; pause = min(2*pause, mostPause) {
			row, err := c.row(ctx, requestID)
			if err != nil {
				yield(row, err)
				return
			}
			if now := (shown{row.Status, row.Fence, row.Seq, row.Percentage, row.Message}); now != last {
				if row.Status.Terminal() {
					c.record(ctx, about(audit.Deliver, requestID, row), nil)
				}
				if !yield(row, nil) || row.Status.Terminal() {
					return
				}
				last, pause = now, leastPause
			}
			due, stop := c.backend.desk.Clock.After(pause)
			select {
			case <-due:
			case <-ctx.Done():
				stop()
				yield(lifecycle.Row{}, context.Cause(ctx))
				return
			}
		}
	}
}

// result is the JSON that a request ended with, wherever it is.
func (c *Client) result(ctx context.Context, row lifecycle.Row) (json.RawMessage, error) {
	switch {
	case row.Status == protocol.Failed:
		return nil, &streamer.Error{Code: row.Code, Message: row.Error, Retryable: row.Code.Retryable()}
	case row.Status == protocol.Cancelled:
		return nil, streamer.ErrCancelled
	case row.ResultAt == lifecycle.PlaceObject:
		return c.backend.files.Document(ctx, view.ResultKey(row.Key(), row.Fence), row.ResultHash)
	case row.File != "":
		return view.Linked(ctx, json.RawMessage(row.Result), row.File, c.backend.files)
	}
	return json.RawMessage(row.Result), nil
}
