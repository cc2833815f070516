package streamer

import (
	"errors"
	"fmt"

	"github.com/pay-theory/streamer/protocol"
)

// The causes that end a handler's context early; context.Cause returns them.
var (
	// ErrTimeout: the run used up its action's Timeout, or its function's time.
	ErrTimeout = errors.New("attempt timed out")
	// ErrDeadline: the request's own deadline has passed.
	ErrDeadline = errors.New("request deadline passed")
	// ErrCancelled: someone cancelled the request.
	ErrCancelled = errors.New("request cancelled")
	// ErrLost: another worker has the request now, or this one could not renew its
	// lease. Whatever this one still writes is refused.
	ErrLost = errors.New("request lost to another worker")
)

// Error is the only kind of error whose text reaches a client. Anything else is logged
// whole and becomes INTERNAL.
type Error struct {
	// Code is in UPPER_SNAKE and stable: clients decide by it. At most 64 bytes of it are
	// sent.
	Code protocol.Code
	// Message is for people; at most 500 bytes of it are sent.
	Message string
	// Retryable says that trying again, unchanged, may succeed.
	Retryable bool
	// Details has more about it, for programs. It must be JSON.
	Details map[string]any
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Errorf makes an error that fails a request for good and whose text the client sees.
func Errorf(code protocol.Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Invalid makes an INVALID_PAYLOAD error that names the field as the client wrote it,
// with dots between the levels. An empty field means the payload as a whole.
func Invalid(field, format string, args ...any) *Error {
	problem := fmt.Sprintf(format, args...)
	if field == "" {
		return &Error{Code: protocol.InvalidPayload, Message: problem}
	}
	return &Error{
		Code:    protocol.InvalidPayload,
		Message: field + ": " + problem,
		Details: map[string]any{"field": field},
	}
}

// AsError finds the *Error in err's chain. It reports false for a nil one.
func AsError(err error) (*Error, bool) {
	e, ok := errors.AsType[*Error](err)
	return e, ok && e != nil
}
