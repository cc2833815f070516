package client

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// SubmitOptions are the settings of one Submit. The zero value, and nil, are the
// defaults.
type SubmitOptions struct {
	// IdempotencyKey makes it safe to submit again: the same key, from the same user, for
	// the same action, is the same request. 1 to 128 printable ASCII characters; a random
	// one by default, which makes it safe for the client to send a message again.
	IdempotencyKey string
	// Deadline is how long the request may take, waiting included: 1 second to 13 days,
	// in whole milliseconds. Defaults to 24 hours.
	Deadline time.Duration
	// Traceparent is the span that submits, as the header of that name in W3C Trace Context,
	// which OpenTelemetry's propagation.TraceContext writes: if the stage traces the request,
	// its trace goes on there. Default none.
	Traceparent string
}

// Submit starts an async action, and sends it until it is accepted or refused: from then
// on it ends in exactly one way, whether anyone watches or not. A sync action is done when
// Submit returns, and its Run has ended; it has no key, and is asked again if its answer
// was lost.
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
	m := protocol.Message{Action: action.Name, Payload: data, IdempotencyKey: rand.Text()}
	if options != nil {
		m.SetDeadline(options.Deadline)
		m.Traceparent = options.Traceparent
		if options.IdempotencyKey != "" {
			m.IdempotencyKey = options.IdempotencyKey
		}
	}
	if m, err = c.lighten(ctx, m); err != nil {
		return nil, err
	}
	f, r, err := c.follow(ctx, m)
	if err != nil {
		return nil, err
	}
	if f, ok := f.(protocol.Response); ok {
		r = finished(f)
	}
	if r == nil {
		return nil, unexpected(action.Name, f)
	}
	return newRun[Out](c, r), nil
}

// Watch follows a request that was submitted before, by this client or another of the
// same user's, whether it waits, runs or has ended. A request may have 10 watchers
// (TOO_MANY_WATCHERS); one that this user may not see is NOT_FOUND.
func Watch[Out any](ctx context.Context, c *Client, requestID string) (*Run[Out], error) {
	f, r, err := c.follow(ctx, protocol.Message{Action: protocol.ActionSubscribe, RequestID: requestID})
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, unexpected(protocol.ActionSubscribe, f)
	}
	return newRun[Out](c, r), nil
}
