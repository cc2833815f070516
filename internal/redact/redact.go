// Package redact takes the payloads of ended requests out of sight, where their action asks
// for it: streamer.Action.Redact.
//
// # Design
//
// What ends a request takes the payload out of its row by the same write (lifecycle.Redacted).
// What was put aside is overwritten afterwards, by whoever tells the end and before anyone
// marks it as told, so that the hint by which an end is told after a crash brings this about
// too. It is overwritten, not deleted: whoever may put it there may do that, so an action
// that redacts needs no grant that others do not.
package redact

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
)

// Requests is where payloads are that a row has no room for.
type Requests interface {
	PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error
}

// Files is where payloads are that a table has no room for, and uploads.
type Files interface {
	PutDocument(ctx context.Context, key string, doc []byte) (hash []byte, err error)
}

// nothing is what is left.
const nothing = "null"

// Ended overwrites what was put aside for a request that has ended, if its action asks for
// it: its payload, and the upload that brought it in. Doing so again does no harm.
func Ended(ctx context.Context, requests Requests, documents Files, row lifecycle.Row) error {
	if !row.Redact {
		return nil
	}
	if err := Payload(ctx, requests, documents, row.Key(), row.PayloadAt, row.Hash, time.Unix(row.TTL, 0)); err != nil {
		return err
	}
	return Upload(ctx, documents, row.Key().Tenant, row.User, row.Upload)
}

// Payload overwrites a payload that was put aside, in a place and under a hash.
func Payload(ctx context.Context, requests Requests, documents Files, key lifecycle.Key, at lifecycle.Place, hash []byte, expires time.Time) error {
	var err error
	switch at {
	case lifecycle.PlaceItem:
		err = requests.PutPayload(ctx, key, hash, nothing, expires)
	case lifecycle.PlaceObject:
		_, err = documents.PutDocument(ctx, view.PayloadKey(key, hash), []byte(nothing))
	}
	if err != nil {
		return fmt.Errorf("redact payload: %w", err)
	}
	return nil
}

// Upload overwrites a user's upload, named by its reference. An empty one is none.
func Upload(ctx context.Context, documents Files, tenant, user, ref string) error {
	u, ok := files.ParseRef(ref)
	if !ok {
		return nil
	}
	if _, err := documents.PutDocument(ctx, files.UploadKey(tenant, user, u), []byte(nothing)); err != nil {
		return fmt.Errorf("redact upload: %w", err)
	}
	return nil
}
