package streamer

import (
	"context"
	"errors"

	"github.com/pay-theory/streamer/protocol"
)

// What a post to a connection can come to. None of them fails the work.
var (
	// ErrGone: the connection is closed (410). It is forgotten; nothing reaches it again.
	ErrGone = errors.New("connection is gone")
	// ErrThrottled: API Gateway takes no more for now (429): too many calls, or this
	// client reads too slowly.
	ErrThrottled = errors.New("connection is throttled")
	// ErrDenied: this function may not post to this API (403).
	ErrDenied = errors.New("posting to the connection is not allowed")
	// ErrTooLarge: the frame is over API Gateway's limit (413).
	ErrTooLarge = errors.New("frame is too large")
)

// ConnectionManager posts frames to connections.
type ConnectionManager interface {
	// Send posts one frame. Its error is, or wraps, ErrGone, ErrThrottled, ErrDenied or
	// ErrTooLarge, or else says that API Gateway did not answer as it should (5xx, no
	// answer at all); then the frame may have arrived all the same.
	Send(ctx context.Context, connectionID string, frame protocol.Frame) error
	// IsActive reports whether the connection may still be there: false once a post
	// found it gone. It asks nobody, so true is no promise.
	IsActive(connectionID string) bool
}
