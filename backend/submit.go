package backend

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// SubmitOptions are the settings of one Submit. The zero value, and nil, are the defaults.
type SubmitOptions struct {
	// IdempotencyKey makes it safe to submit again: the same key, from the same user, for
	// the same action, is the same request, also of one that came over the WebSocket. 1 to
	// 128 printable ASCII characters; none by default.
	IdempotencyKey string
	// Deadline is how long the request may take, waiting included: 1 second to 13 days,
	// in whole milliseconds. Defaults to 24 hours.
	Deadline time.Duration
}

// Submit hands an async action in and returns once the request is stored: from then on it
// ends in exactly one way, whether anyone watches or not. The payload may have 5 MiB of
// JSON. A sync action is the router's alone; here there is no such action.
func Submit[In, Out any](ctx context.Context, c *Client, action streamer.Action[In, Out], in In, options *SubmitOptions) (*Run[Out], error) {
	var o SubmitOptions
	if options != nil {
		o = *options
	}
	id, duplicate, err := c.submit(ctx, action.Name, in, o)
	record := audit.Record{Verb: audit.Submit, Request: id, Action: action.Name}
	if duplicate {
		record.Outcome = audit.Duplicate
	}
	c.record(ctx, record, err)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action.Name, err)
	}
	return &Run[Out]{client: c, id: id, duplicate: duplicate}, nil
}

func (c *Client) submit(ctx context.Context, action string, in any, o SubmitOptions) (id string, duplicate bool, err error) {
	if err := c.check(); err != nil {
		return "", false, err
	}
	entry, known := c.backend.actions.Lookup(action)
	if !known || !entry.Spec().Async {
		return "", false, streamer.Errorf(protocol.UnknownAction, "there is no async action %q", action)
	}
	payload, err := view.JSON(in)
	if err != nil {
		return "", false, fmt.Errorf("payload is not JSON: %w", err)
	}
	m := protocol.Message{Action: action, IdempotencyKey: o.IdempotencyKey}
	m.SetDeadline(o.Deadline)
	if m.Payload, err = protocol.DecodePayload(payload); err == nil {
		err = m.Check()
	}
	if refused, ok := errors.AsType[*protocol.RefusedError](err); ok {
		return "", false, intake.Refused(refused)
	}
	if err := entry.Check(m.Payload); err != nil {
		return "", false, err
	}
	ctx = tracing.InRun(ctx) // a function's request is a part of the function's trace
	row, duplicate, err := c.backend.desk.Accept(ctx, intake.Request{
		Tenant: c.tenant, User: c.user, Action: entry.Spec(), Payload: m.Payload,
		IdempotencyKey: o.IdempotencyKey, Deadline: time.Duration(m.DeadlineMS) * time.Millisecond, Submission: rand.Text(),
	})
	if err != nil {
		return "", false, err
	}
	c.backend.flush(ctx)
	return row.Key().ID, duplicate, nil
}

// Watch follows a request that the user submitted before, here or over the WebSocket,
// whether it waits, runs or has ended. One that is not this user's is NOT_FOUND.
func Watch[Out any](ctx context.Context, c *Client, requestID string) (*Run[Out], error) {
	row, err := c.row(ctx, requestID)
	watched := about(audit.Subscribe, requestID, row)
	watched.Link = "" // made when it is told
	c.record(ctx, watched, err)
	if err != nil {
		return nil, fmt.Errorf("watch request: %w", err)
	}
	return &Run[Out]{client: c, id: row.Key().ID}, nil
}
