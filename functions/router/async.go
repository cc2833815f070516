package router

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// maxRowPayload is the largest payload that is kept in the row, in bytes. Pulses rewrite
// the row, and DynamoDB bills an update by the size of the whole item, a kilobyte at a
// time: with a payload of this size a row is still below one.
const maxRowPayload = 200

// errExpired says that the request that stood in a new one's way has expired meanwhile.
var errExpired = serviceError{errors.New("the request with this key has expired meanwhile")}

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
	now := r.Clock.Now()
	s, err := r.submission(ctx, c, spec, now)
	if err != nil {
		return nil, err
	}
	row := lifecycle.Accept(s, now)
	err = r.Requests.Create(ctx, row, now)
	if stood, refused := errors.AsType[*store.RefusedError](err); refused {
		return r.again(ctx, c, s, stood.Row)
	}
	if err != nil {
		return nil, serviceError{err}
	}
	r.Metrics.Count(contract.MetricAccepted, c.Action)
	return protocol.Accepted{Answer: r.answer(c.ID), RequestID: s.Key.ID, Status: row.Status}, nil
}

// submission gathers what an accepted message brings, and puts a payload aside that is
// too large for the row. One that is left behind if the row is never written goes with
// its own time to live.
func (r *Router) submission(ctx context.Context, c call, spec streamer.Spec, now time.Time) (lifecycle.Submission, error) {
	var payload bytes.Buffer
	if len(c.Payload) > 0 {
		if err := json.Compact(&payload, c.Payload); err != nil {
			return lifecycle.Submission{}, fmt.Errorf("compact payload: %w", err)
		}
	}
	hash := sha256.Sum256(payload.Bytes())
	s := lifecycle.Submission{
		Key:  lifecycle.Key{Tenant: c.Tenant, ID: r.NewID(now)},
		User: c.User, Action: c.Action, MaxAttempts: spec.Attempts, Deadline: protocol.DefaultDeadline,
		Connection: c.connection, Message: c.submission, Ref: c.ID, Hash: hash[:],
	}
	s.Trace, _ = ctx.Value("x-amzn-trace-id").(string) // where aws-lambda-go puts it
	if c.IdempotencyKey != "" {
		s.Key.ID = lifecycle.KeyedID(c.Tenant, c.User, c.Action, c.IdempotencyKey)
	}
	if c.DeadlineMS != 0 {
		s.Deadline = time.Duration(c.DeadlineMS) * time.Millisecond
	}
	switch {
	case payload.Len() <= maxRowPayload:
		s.Payload = payload.String()
	case payload.Len() <= protocol.MaxInline:
		s.PayloadAt = lifecycle.PlaceItem
		if err := r.Requests.PutPayload(ctx, s.Key, s.Hash, payload.String(), now.Add(s.Deadline+lifecycle.Retention)); err != nil {
			return s, serviceError{err}
		}
	default:
		s.PayloadAt = lifecycle.PlaceObject
		if _, err := r.Files.PutDocument(ctx, view.PayloadKey(s.Key, s.Hash), payload.Bytes()); err != nil {
			return s, serviceError{err}
		}
	}
	return s, nil
}

// again answers a request that is there already: by this very message, whose put was
// repeated after its answer had been lost, or by an earlier one with the same key.
func (r *Router) again(ctx context.Context, c call, s lifecycle.Submission, row lifecycle.Row) (protocol.Frame, error) {
	accepted := protocol.Accepted{Answer: r.answer(c.ID), RequestID: s.Key.ID, Status: row.Status}
	if row.Submission == s.Message && s.Message != "" {
		r.Metrics.Count(contract.MetricAccepted, c.Action)
		return accepted, nil
	}
	if !bytes.Equal(row.Hash, s.Hash) {
		return nil, streamer.Errorf(protocol.IdempotencyMismatch, "the idempotency key was used before with another payload: take a new key, or send that payload")
	}
	row, err := r.watch(ctx, c, s.Key)
	if e, ok := streamer.AsError(err); ok && e.Code == protocol.NotFound {
		return nil, errExpired
	}
	if err != nil {
		return nil, err
	}
	accepted.Status, accepted.Duplicate = row.Status, true
	return r.withTerminal(ctx, c, accepted, row)
}
