package intake

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
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/redact"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// maxRowPayload is the largest payload that is kept in the row, in bytes. Pulses rewrite
// the row, and DynamoDB bills an update by the size of the whole item, a kilobyte at a
// time: with a payload of this size a row is still below one.
const maxRowPayload = 200

// Accept stores a request: from then on it ends in exactly one terminal state. If one with
// the same key is there already, the row is that one's as it stood, and duplicate is true;
// a key that came with another payload is an IDEMPOTENCY_MISMATCH.
//
// What the gate refuses leaves nothing behind.
func (d Desk) Accept(ctx context.Context, r Request) (row lifecycle.Row, duplicate bool, err error) {
	now := d.Clock.Now()
	s, err := d.submission(ctx, r, now)
	if err != nil {
		return row, false, err
	}
	row = lifecycle.Accept(s, now)
	err = d.create(ctx, row, now)
	if stood, refused := errors.AsType[*store.RefusedError](err); refused {
		if row = stood.Row; row.Submission != s.Message || s.Message == "" {
			if err := d.redact(ctx, s, row, now); err != nil {
				return row, false, err
			}
			if !bytes.Equal(row.Hash, s.Hash) {
				return row, false, streamer.Errorf(protocol.IdempotencyMismatch, "the idempotency key was used before with another payload: take a new key, or send that payload")
			}
			return row, true, nil
		}
		err = nil // the put was repeated after its answer had been lost
	}
	if err != nil {
		return row, false, err
	}
	d.Metrics.Add(contract.MetricAccepted, metric.Labels{Action: row.Action, Tenant: row.Key().Tenant}, 1)
	return row, false, nil
}

// redact takes back what a submission has put aside for a request that was there already,
// if its action asks for that: what an open one has put there too stays.
func (d Desk) redact(ctx context.Context, s lifecycle.Submission, stood lifecycle.Row, now time.Time) error {
	if !s.Redact && !stood.Redact || bytes.Equal(stood.Hash, s.Hash) && !stood.Status.Terminal() {
		return nil
	}
	if err := redact.Payload(ctx, d.Requests, d.Files, s.Key, s.PayloadAt, s.Hash, expires(s, now)); err != nil {
		return err
	}
	return redact.Upload(ctx, d.Files, s.Key.Tenant, s.User, s.Upload)
}

// expires is when a payload beside the row may go.
func expires(s lifecycle.Submission, now time.Time) time.Time {
	return now.Add(s.Deadline + lifecycle.Retention)
}

// create is the one write that takes a request in.
func (d Desk) create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	ctx, span := tracing.Start(ctx, "put")
	defer span.End()
	return d.Requests.Create(ctx, row, now)
}

// submission gathers what a request brings, and puts a payload aside that is too large for
// the row. One that is left behind if the row is never written goes with its own time to
// live.
func (d Desk) submission(ctx context.Context, r Request, now time.Time) (lifecycle.Submission, error) {
	var payload bytes.Buffer
	if len(r.Payload) > 0 {
		if err := json.Compact(&payload, r.Payload); err != nil {
			return lifecycle.Submission{}, fmt.Errorf("compact payload: %w", err)
		}
	}
	hash := sha256.Sum256(payload.Bytes())
	s := lifecycle.Submission{
		Key:  lifecycle.Key{Tenant: r.Tenant, ID: d.NewID(now)},
		User: r.User, Action: r.Action.Name, MaxAttempts: r.Action.Attempts, Deadline: protocol.DefaultDeadline,
		Connection: r.Connection, Message: r.Submission, Ref: r.Ref, Hash: hash[:], Trace: tracing.Header(ctx),
		Redact: r.Action.Redact, Upload: r.Upload,
	}
	if r.IdempotencyKey != "" {
		s.Key.ID = lifecycle.KeyedID(r.Tenant, r.User, r.Action.Name, r.IdempotencyKey)
	}
	if r.Deadline != 0 {
		s.Deadline = r.Deadline
	}
	if err := d.Gate.Submit(ctx, s.Key, r.User, now); err != nil {
		return s, err
	}
	switch {
	case payload.Len() <= maxRowPayload:
		s.Payload = payload.String()
	case payload.Len() <= protocol.MaxInline:
		s.PayloadAt = lifecycle.PlaceItem
		if err := d.Requests.PutPayload(ctx, s.Key, s.Hash, payload.String(), expires(s, now)); err != nil {
			return s, err
		}
	default:
		s.PayloadAt = lifecycle.PlaceObject
		if _, err := d.Files.PutDocument(ctx, view.PayloadKey(s.Key, s.Hash), payload.Bytes()); err != nil {
			return s, err
		}
	}
	return s, nil
}
