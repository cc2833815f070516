package router

import (
	"context"
	"errors"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// errExpired says that the request that stood in a new one's way has expired meanwhile.
var errExpired = serviceError{errors.New("the request with this key has expired meanwhile")}

// desk is where requests are handed in.
func (r *Router) desk() intake.Desk {
	return intake.Desk{Requests: r.Requests, Files: r.Files, Clock: r.Clock, NewID: r.NewID, Metrics: r.Metrics, Gate: r.Gate}
}

// accept stores an async request: from then on it ends in exactly one terminal state.
func (r *Router) accept(ctx context.Context, c call, spec streamer.Spec) (protocol.Frame, error) {
	frame, err := r.store(ctx, c, spec)
	if errors.Is(err, errExpired) {
		return r.store(ctx, c, spec)
	}
	return frame, err
}

// store is accept, once.
func (r *Router) store(ctx context.Context, c call, spec streamer.Spec) (protocol.Frame, error) {
	row, duplicate, err := r.desk().Accept(ctx, intake.Request{
		Tenant: c.Tenant, User: c.User, Action: spec, Payload: c.Payload,
		IdempotencyKey: c.IdempotencyKey, Deadline: time.Duration(c.DeadlineMS) * time.Millisecond,
		Connection: c.connection, Submission: c.submission, Ref: c.ID, Upload: c.PayloadRef,
	})
	if err != nil {
		return nil, fromDesk(err)
	}
	if duplicate {
		return r.again(ctx, c, row.Key())
	}
	return protocol.Accepted{Answer: r.answer(c.ID), RequestID: row.Key().ID, Status: row.Status}, nil
}

// again answers a submission whose request is there already: the connection watches that one.
func (r *Router) again(ctx context.Context, c call, key lifecycle.Key) (protocol.Frame, error) {
	row, err := r.watch(ctx, c, key)
	if e, ok := streamer.AsError(err); ok && e.Code == protocol.NotFound {
		return nil, errExpired
	}
	if err != nil {
		return nil, err
	}
	return r.withTerminal(ctx, c, protocol.Accepted{Answer: r.answer(c.ID), RequestID: key.ID, Status: row.Status, Duplicate: true}, row)
}
