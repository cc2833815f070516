package client

import (
	"math/rand/v2"
	"time"
)

// timing is how long things may take.
type timing struct {
	// handshake is how long one may take, getting a token included.
	handshake time.Duration
	// answer is how long an answer may take before the message is sent again; API Gateway
	// gives up after 29 seconds.
	answer time.Duration
	// ping is the silence after which the client pings, busyPing the same while something
	// is waited for. One that is not answered within pong ends the connection.
	ping, busyPing, pong time.Duration
	// idle is the silence, of a machine that slept, after which nobody is asked any more:
	// API Gateway closes a connection that is idle for 10 minutes.
	idle time.Duration
	// life is the age at which the next connection is opened, less a random tenth.
	life time.Duration
	// tokenMargin is how long before its token runs out the next connection is opened, a
	// fifth of what is left at most.
	tokenMargin time.Duration
	// handover is how long an old connection stays open beside its successor at most.
	handover time.Duration
	// Waits between attempts are random between 0 and the smaller of backoff, doubled each
	// time, and backoffMax.
	backoff, backoffMax time.Duration
}

var defaultTiming = timing{
	handshake:   15 * time.Second,
	answer:      35 * time.Second,
	ping:        4 * time.Minute,
	busyPing:    time.Minute,
	pong:        10 * time.Second,
	idle:        10 * time.Minute,
	life:        110 * time.Minute,
	tokenMargin: time.Minute,
	handover:    10 * time.Second,
	backoff:     500 * time.Millisecond,
	backoffMax:  30 * time.Second,
}

// wait is how long to wait after so many failures: full jitter, see "Exponential Backoff
// And Jitter", AWS Architecture Blog.
func (t timing) wait(failures int) time.Duration {
	return rand.N(min(t.backoffMax, t.backoff<<min(failures, 16)))
}

// lifetime is how old a connection may become: the clients of a stage that came at once
// do not come again at once.
func (t timing) lifetime() time.Duration {
	return t.life - rand.N(t.life/10)
}
