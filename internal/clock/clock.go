// Package clock is time as the engine sees it, so that tests and simulations can drive
// it.
package clock

import "time"

// Clock tells the time and wakes.
type Clock interface {
	Now() time.Time
	// After returns a channel that gets one value once d has passed, and a function that
	// gives the timer back early.
	After(d time.Duration) (<-chan time.Time, func())
}

// System is the machine's clock. Its times carry the monotonic reading.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// After implements Clock.
func (System) After(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}
