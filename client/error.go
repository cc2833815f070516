package client

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pay-theory/streamer/protocol"
)

var (
	// ErrDisconnected: the client has ended, and connects no more. What wraps it says why:
	// net.ErrClosed for Close, a *HandshakeError for a token that is refused, an *Error of
	// Options.Token's, and else what kept it from connecting for Options.GiveUpAfter.
	// Accepted requests go on without it: another client can Watch them by their ids.
	ErrDisconnected = errors.New("disconnected")
	// ErrDetached: the request is not followed any more, as Detach was called. It goes on.
	ErrDetached = errors.New("the request is not followed any more")
)

// Codes of what only a client can know.
const (
	// CodeCancelled is that of a request that was cancelled.
	CodeCancelled protocol.Code = "CANCELLED"
	// CodeUnreachable: a payload could not be uploaded, or a result not be fetched.
	CodeUnreachable protocol.Code = "UNREACHABLE"
)

// Error is why the stage refused a message, or why a request ended without a result.
type Error struct {
	// Code says what is wrong, for programs: one of the protocol's codes, of the client's,
	// or one that the action's handler defines.
	Code protocol.Code
	// Message says it for people.
	Message string
	// Retryable says that the same message may succeed later, unchanged.
	Retryable bool
	// Details has more about some codes: INVALID_PAYLOAD names the "field".
	Details map[string]any
	// RequestID is the request that ended so. It is empty if a message was refused, which
	// ends no request.
	RequestID string

	cause error
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Unwrap returns what is behind CodeUnreachable.
func (e *Error) Unwrap() error { return e.cause }

// HandshakeError is a connection that the other side refused.
type HandshakeError struct {
	// URL is the address without its query.
	URL string
	// Status is the HTTP status that came in place of 101.
	Status int
}

// Error implements error. It says what to do.
func (e *HandshakeError) Error() string {
	return fmt.Sprintf("connect to %s: refused with status %d: %s", e.URL, e.Status, e.cure())
}

// Retryable reports whether the same handshake, with the same token, may succeed later.
func (e *HandshakeError) Retryable() bool {
	return e.Status < http.StatusBadRequest || e.Status >= http.StatusInternalServerError ||
		e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

func (e *HandshakeError) cure() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "the token is missing, not valid for this stage, or has run out: give a fresh one"
	case e.Status == http.StatusForbidden: // API Gateway's word for an unknown stage too
		return "the token is missing, not valid for this stage, or has run out, or the address's path names no stage"
	case e.Status == http.StatusTooManyRequests:
		return "too many connect at once: try again in a moment"
	case e.Status >= http.StatusInternalServerError:
		return "the stage cannot take connections now: try again in a moment"
	}
	return "nothing speaks WebSocket there: give the stage's WebSocketUrl, path included"
}
