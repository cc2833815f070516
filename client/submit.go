package client

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// SubmitOptions are the settings of one Submit. The zero value, and nil, are the
// defaults.
type SubmitOptions struct {
	// IdempotencyKey makes it safe to submit again: the same key, from the same user, for
	// the same action, is the same request. 1 to 128 printable ASCII characters; none by
	// default.
	IdempotencyKey string
	// Deadline is how long the request may take, waiting included: 1 second to 13 days,
	// in whole milliseconds. Defaults to 24 hours.
	Deadline time.Duration
}

// Submit starts an async action and returns once it is accepted: from then on it ends in
// exactly one way, whether anyone watches or not. A sync action is done when Submit
// returns, and its Run has ended.
//
// A payload that does not fit into a message is uploaded first, up to 5 MiB of JSON.
//
// ctx bounds the wait for the acceptance, not the request. After any error but an *Error
// that is not Retryable the request may run all the same: submit it again with the same
// idempotency key.
func Submit[In, Out any](ctx context.Context, c *Client, action streamer.Action[In, Out], in In, options *SubmitOptions) (*Run[Out], error) {
	data, err := text(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action.Name, err)
	}
	m := protocol.Message{Action: action.Name, Payload: data}
	if options != nil {
		m.IdempotencyKey, m.DeadlineMS = options.IdempotencyKey, options.Deadline.Milliseconds()
	}
	if m, err = c.lighten(ctx, m); err != nil {
		return nil, err
	}
	got, err := c.ask(ctx, m, true)
	if err != nil {
		return nil, err
	}
	if f, ok := got.frame.(protocol.Response); ok {
		got.request = newRequest(f.RequestID)
		got.request.take(protocol.Complete{Event: protocol.Event{RequestID: f.RequestID, TS: f.TS}, Result: f.Result})
	}
	if got.request == nil {
		return nil, unexpected(action.Name, got.frame)
	}
	return &Run[Out]{client: c, request: got.request}, nil
}

// Watch follows a request that was submitted before, by this client or another of the
// same user's, whether it waits, runs or has ended. A request may have 10 watchers
// (TOO_MANY_WATCHERS); one that this user may not see is NOT_FOUND.
func Watch[Out any](ctx context.Context, c *Client, requestID string) (*Run[Out], error) {
	got, err := c.ask(ctx, protocol.Message{Action: protocol.ActionSubscribe, RequestID: requestID}, true)
	if err != nil {
		return nil, err
	}
	if got.request == nil {
		return nil, unexpected(protocol.ActionSubscribe, got.frame)
	}
	return &Run[Out]{client: c, request: got.request}, nil
}
