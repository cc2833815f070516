//go:build !linux

package front

import (
	"errors"
	"time"
)

// findsCallers says that the process behind a connection cannot be found here.
const findsCallers = false

var errNoCallers = errors.New("finding the process behind a connection needs Linux")

func findCaller(string, string) (int, error) { return 0, errNoCallers }
func functionName(int) string                { return "" }
func kill(int) error                         { return errNoCallers }
func stop(int, time.Duration) error          { return errNoCallers }

// Descendant knows nothing of processes here.
func Descendant(int, int, string) bool { return false }
