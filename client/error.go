package client

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/pay-theory/streamer/protocol"
)

var (
	// ErrDisconnected: the connection ended, because either side closed it or the network
	// failed. Accepted requests go on without it: Dial again and Watch them by their ids.
	ErrDisconnected = errors.New("disconnected")
	// ErrNoAnswer: the stage did not answer a message in time, 35 seconds, which is more
	// than API Gateway gives it. The message may have had its effect all the same.
	ErrNoAnswer = errors.New("no answer")
)

// CodeCancelled is the Code of the Error that a cancelled request ends with.
const CodeCancelled protocol.Code = "CANCELLED"

// Error is why the stage refused a message, or why a request ended without a result.
type Error struct {
	// Code says what is wrong, for programs: one of the protocol's codes, CodeCancelled,
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
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

func refusal(f protocol.Error) *Error {
	return &Error{Code: f.Code, Message: f.Message, Retryable: f.Retryable, Details: f.Details}
}

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

// Retryable reports whether the same handshake may succeed later.
func (e *HandshakeError) Retryable() bool {
	return e.Status == http.StatusTooManyRequests || e.Status >= http.StatusInternalServerError
}

func (e *HandshakeError) cure() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return "the token is missing, not valid for this stage, or has run out: give a fresh one"
	case e.Status == http.StatusForbidden: // API Gateway's word for an unknown stage too
		return "the token is missing, not valid for this stage, or has run out, or the address's path names no stage"
	case e.Status == http.StatusTooManyRequests:
		return "too many connect at once: try again in a moment"
	case e.Retryable():
		return "the stage cannot take connections now: try again in a moment"
	}
	return "nothing speaks WebSocket there: give the stage's WebSocketUrl, path included"
}
