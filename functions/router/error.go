package router

import (
	"errors"

	"github.com/pay-theory/streamer"
)

// serviceError is an error of a service that the router stands on. The client may send
// its message again; whether the service did its part all the same is not known.
type serviceError struct{ err error }

func (e serviceError) Error() string { return e.err.Error() }
func (e serviceError) Unwrap() error { return e.err }

// fromDesk is an error of intake's: for the client, or a service's.
func fromDesk(err error) error {
	if _, ok := streamer.AsError(err); ok {
		return err
	}
	return serviceError{err}
}

func unavailable(err error) bool {
	_, ok := errors.AsType[serviceError](err)
	return ok
}
