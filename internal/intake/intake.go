// Package intake takes async requests in and cancels them, for the router and for services
// of the same account: whoever submits, the same row is put under the same condition, so
// that one idempotency key is one request wherever it comes from.
//
// Its errors are *streamer.Error, for whoever asked, or else those of a service that did
// not answer as it should.
package intake

import (
	"context"
	"encoding/json"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// Files keeps the payloads that are too large for a table.
type Files interface {
	PutDocument(ctx context.Context, key string, doc []byte) (hash []byte, err error)
}

// Desk is where requests are handed in. All fields but Gate and Mute must be set.
type Desk struct {
	Requests store.Requests
	Files    Files
	Clock    clock.Clock
	// NewID makes the id of a request that comes without an idempotency key.
	NewID   func(now time.Time) string
	Metrics metric.Recorder
	// Gate keeps users within their limits; nil: there are none.
	Gate *limits.Gate
	// Mute says that nobody here can tell anyone of an end, so a processor must.
	Mute bool
}

// Request is what comes in: of a user, for an async action, with a payload that the action
// has checked.
type Request struct {
	Tenant, User string
	Action       streamer.Spec
	// Payload is JSON, nil for none.
	Payload        json.RawMessage
	IdempotencyKey string
	// Deadline is how long the request may take. Zero means protocol.DefaultDeadline.
	Deadline time.Duration
	// Connection watches from the start. Empty: nobody does.
	Connection string
	// Submission names this very hand-in, so that a write that is repeated recognises its
	// own work.
	Submission string
	// Ref is the submitter's own name for it.
	Ref string
	// Upload is the reference of the upload that the payload came as, empty if it did not.
	Upload string
}

// NewID makes the id of a request.
func NewID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}

// Own reads a request of a user's own. Every other is NOT_FOUND.
func (d Desk) Own(ctx context.Context, key lifecycle.Key, user string) (lifecycle.Row, error) {
	row, exists, err := d.Requests.Get(ctx, key)
	if err != nil {
		return row, err
	}
	if !exists || row.User != user || row.Expired(d.Clock.Now()) {
		return row, NotFound()
	}
	return row, nil
}

// NotFound is the answer for a request that is not there, or not the asker's.
func NotFound() error {
	return streamer.Errorf(protocol.NotFound, "there is no such request")
}

// Refused is the answer for a message that is not understood.
func Refused(err *protocol.RefusedError) *streamer.Error {
	e := &streamer.Error{Code: err.Code, Message: err.Error()}
	if err.Field != "" {
		e.Details = map[string]any{"field": err.Field}
	}
	return e
}
