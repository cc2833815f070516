package logging

import (
	"fmt"
	"runtime/debug"
)

// Hide keeps what an error says out of the log, but for its type: it may quote a payload. It
// stays the same error for errors.Is and errors.As.
func Hide(err error) error {
	if err == nil {
		return nil
	}
	return hidden{err}
}

type hidden struct{ err error }

// Error implements error.
func (h hidden) Error() string {
	return fmt.Sprintf("a %T, whose text stays out of the log: its action is one with Redact", h.err)
}

// Unwrap gives the error itself to errors.Is and errors.As.
func (h hidden) Unwrap() error { return h.err }

// Panicked is the error of a handler that panicked with p, the stack included. With hide, p
// is left out but for its type.
func Panicked(p any, hide bool) error {
	if hide {
		return fmt.Errorf("handler panicked with a %T, which stays out of the log: its action is one with Redact\n%s", p, debug.Stack())
	}
	return fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
}
