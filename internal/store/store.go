package store

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// Requests is the requests table.
type Requests interface {
	// Create puts the row of a new request where none stands, or one whose time to live
	// is over at now. Else the error is a *RefusedError with the row that is there.
	Create(ctx context.Context, row lifecycle.Row, now time.Time) error
	// Update carries out a transition and returns the row as it is then. If none of its
	// guards held, the error is a *RefusedError with the row as it stood.
	Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error)
	// Get reads the row, consistently. exists is false if there is none.
	Get(ctx context.Context, key lifecycle.Key) (row lifecycle.Row, exists bool, err error)

	// PutPayload and Payload keep a payload that is too large for the row, as an item
	// beside it that lives until expires, or longer if it is there and was to. It goes by its
	// hash, so that another payload under the same idempotency key does not take its place. A
	// payload that is not there is an error.
	PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error
	Payload(ctx context.Context, key lifecycle.Key, hash []byte) (string, error)

	// PutState and State do the same for a state that a handler saved.
	PutState(ctx context.Context, key lifecycle.Key, hash []byte, state string, expires time.Time) error
	State(ctx context.Context, key lifecycle.Key, hash []byte) (string, error)

	// PutOnce keeps the result of an effect as an item that lives until expires, unless
	// there is one of that name, and returns the result that is kept. Once reads it,
	// consistently; exists is false if there is none.
	PutOnce(ctx context.Context, key lifecycle.Key, name, result string, expires time.Time) (kept string, err error)
	Once(ctx context.Context, key lifecycle.Key, name string) (result string, exists bool, err error)

	// Open returns a page of the rows of one shard that are not terminal and were
	// accepted up to before, oldest first, and the next page's token.
	Open(ctx context.Context, shard int, before time.Time, page string) (rows []lifecycle.Row, next string, err error)

	// ByUser returns up to most requests of a user that stand behind a position, newest
	// first, and the position of the last one; the zero Position if none stands behind that.
	// most is 1 to MaxByUser. The rows are as they are now, but which there are may be a
	// moment old: one that was just accepted may be missing, and one that has vanished since
	// is left out, so that there may be fewer rows than most though others follow.
	ByUser(ctx context.Context, tenant, user string, after Position, most int) (rows []lifecycle.Row, last Position, err error)

	streamer.History
}

// MaxByUser is how many rows can be read at once (Amazon DynamoDB API reference,
// "BatchGetItem").
const MaxByUser = 100

// Position is where a request stands among those of its user: the zero one is before the
// newest.
type Position struct {
	// CreatedAt is when it was accepted, in Unix milliseconds.
	CreatedAt int64
	ID        string
}

// PositionOf is that of a row.
func PositionOf(row lifecycle.Row) Position { return Position{row.CreatedAt, row.Key().ID} }

// RefusedError says that no guard of a write held, and what stood there.
type RefusedError struct {
	Write  string
	Row    lifecycle.Row
	Exists bool
}

// Error implements error.
func (e *RefusedError) Error() string {
	if !e.Exists {
		return fmt.Sprintf("%s: no such request", e.Write)
	}
	return fmt.Sprintf("%s: refused: the request is %s at fence %d", e.Write, e.Row.Status, e.Row.Fence)
}

// Connection is one open WebSocket.
type Connection struct {
	ID      string `dynamodbav:"connection_id"`
	UserKey string `dynamodbav:"user_key"`
	Tenant  string `dynamodbav:"tenant"`
	User    string `dynamodbav:"user"`
	// ConnectedAt is in Unix milliseconds.
	ConnectedAt int64 `dynamodbav:"connected_at"`
	// TokenExpires is when the identity ends, in Unix seconds.
	TokenExpires int64 `dynamodbav:"token_expires"`
	// ExpiresAt is the item's time to live, in Unix seconds: the sooner of the latest moment
	// that API Gateway keeps a connection, and some time after the token's end, for DynamoDB
	// may delete it at once then, and whoever closes the connection must find it before.
	ExpiresAt int64 `dynamodbav:"expires_at"`
}

// Ends is when a connection has run out, there or not.
func (c Connection) Ends() time.Time { return time.Unix(min(c.TokenExpires, c.ExpiresAt), 0) }

// Ended reports whether it has.
func (c Connection) Ended(now time.Time) bool { return !now.Before(c.Ends()) }

// Connections is the connections table.
type Connections interface {
	Put(ctx context.Context, c Connection) error
	// Get reads a connection, consistently. exists is false if there is none.
	Get(ctx context.Context, id string) (c Connection, exists bool, err error)
	// Delete forgets a connection; one that is not there is no error.
	Delete(ctx context.Context, id string) error
}
