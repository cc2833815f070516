package streamer

import (
	"errors"
	"fmt"
	"time"
)

// Waits between two attempts.
const (
	// MaxWait is the longest that an attempt may be put off. SQS keeps a message back
	// for 12 hours at most, counted from its delivery, so an hour is left for the work
	// before (Amazon SQS developer guide, "Amazon SQS visibility timeout").
	MaxWait = 11 * time.Hour

	defaultFirstWait = time.Second
	defaultMostWait  = time.Minute
)

// Backoff says how long a request waits between two attempts, which costs no running
// function. The wait before the second attempt is random between zero and First, and
// each later one is random between zero and twice the bound before it, up to Most: full
// jitter, so that what failed together does not come back together. [Retryable] can
// name another wait.
type Backoff struct {
	// First bounds the wait before the second attempt. Defaults to one second, or Most
	// if that is less.
	First time.Duration
	// Most bounds every wait, MaxWait at most. Defaults to one minute, or First if that
	// is more.
	Most time.Duration
}

func (b Backoff) withDefaults() Backoff {
	switch {
	case b.First == 0 && b.Most == 0:
		b.First, b.Most = defaultFirstWait, defaultMostWait
	case b.First == 0:
		b.First = min(defaultFirstWait, b.Most)
	case b.Most == 0:
		b.Most = max(defaultMostWait, b.First)
	}
	return b
}

func (b Backoff) validate() error {
	switch {
	case b.Most < 0 || b.Most > MaxWait:
		return fmt.Errorf("Backoff.Most is %s: at most %s", b.Most, MaxWait)
	case b.First < 0 || b.First > MaxWait:
		return fmt.Errorf("Backoff.First is %s: at most %s", b.First, MaxWait)
	case b.First > b.Most:
		return fmt.Errorf("Backoff.First is %s: at most Backoff.Most, which is %s", b.First, b.Most)
	}
	return nil
}

// Wait is how long to wait after an attempt, 1 being the first. jitter is uniform in
// [0, 1).
func (b Backoff) Wait(attempt int, jitter float64) time.Duration {
	b = b.withDefaults()
	bound := b.First
	for n := 1; n < attempt && bound < b.Most; n++ {
		bound *= 2
	}
	return time.Duration(jitter * float64(min(bound, b.Most)))
}

// decision is an error whose handler has decided whether to try again.
type decision struct {
	err   error
	retry bool
	after time.Duration
}

func (d *decision) Error() string { return d.err.Error() }
func (d *decision) Unwrap() error { return d.err }

// Retryable marks err so that the request is tried again while attempts and time are
// left, whatever else err is. after, if it is positive, takes the place of the computed
// back-off, like an HTTP server's Retry-After; it is cut at MaxWait. It is nil if err is.
func Retryable(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &decision{err: err, retry: true, after: min(max(after, 0), MaxWait)}
}

// Permanent marks err so that the request fails for good, whatever else err is. It is
// nil if err is.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &decision{err: err}
}

// RetryOf is what the engine reads from a handler's error: whether it asks for another
// attempt, and the wait before it, zero being the action's back-off. The outermost of
// Retryable and Permanent decides; without them an *Error does by its Retryable, and any
// other error asks for another attempt.
func RetryOf(err error) (retry bool, after time.Duration) {
	if d, ok := errors.AsType[*decision](err); ok {
		return d.retry, d.after
	}
	if e, ok := AsError(err); ok {
		return e.Retryable, 0
	}
	return err != nil, 0
}
