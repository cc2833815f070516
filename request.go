package streamer

import (
	"context"
	"io"
	"time"
)

// Request is what a handler works on.
type Request[In any] struct {
	// ID is the request's id: 26 characters, the same over all attempts. It can come again,
	// with the idempotency key that it was made of, once the request has expired: what is to
	// serve other systems as an idempotency key is EffectKey.
	ID string
	// Action is the name the client sent.
	Action string
	// Tenant and User come from the connection's token, never from the message.
	Tenant string
	User   string
	// Attempt is 1 for the first try. A run that goes on after a Checkpoint belongs to
	// the try that it goes on with.
	Attempt int
	// CreatedAt is when the request was accepted.
	CreatedAt time.Time
	// Deadline is when the request ends at the latest, waiting included.
	Deadline time.Time
	// Payload is the client's input, decoded and validated.
	Payload In
	// Files keeps what the handler makes that is no JSON.
	Files Files
}

// Files stores the files that a request's result names.
type Files interface {
	// Put stores body under a name, which is what a browser will save it as, and
	// returns once it is stored whole. Names are the request's own: the same name in
	// another attempt replaces the file.
	Put(ctx context.Context, name, contentType string, body io.Reader) (File, error)
}

// File is a stored file. A result that embeds one is stored with a reference to it and
// gets url and expires_at anew each time it is delivered: a link that anyone who holds
// it may GET until then. Keep such a result below 24 KB: a larger one travels as a
// document of its own, in which url stays empty.
//
//	type Report struct {
//		streamer.File
//		Pages int `json:"pages"`
//	}
type File struct {
	// URL is the link. It is empty until the result is delivered.
	URL string `json:"url"`
	// ExpiresAt is when the link ends, in Unix milliseconds.
	ExpiresAt int64 `json:"expires_at"`
	// Size is the file's length in bytes.
	Size int64 `json:"size"`
	// Key is the object's key in the bucket. It never reaches a client.
	Key string `json:"-"`
}

func (f File) file() File { return f }
