package client

import (
	"context"
	"iter"
	"time"
)

// State is where a client stands with its connection.
type State struct {
	Phase Phase
	// Problem is what went wrong last; nil while the client is Live, and before anything
	// went wrong.
	Problem error
	// Since is when the client became Live, if it is, and else when it was that last.
	Since time.Time
}

// Phase is a part of a client's life.
type Phase string

// The phases of a client.
const (
	// Connecting: a handshake is under way, and there is no other connection.
	Connecting Phase = "connecting"
	// Live: messages go out.
	Live Phase = "live"
	// Waiting for the next attempt to connect.
	Waiting Phase = "waiting"
	// Closed for good.
	Closed Phase = "closed"
)

// State is where the client stands now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// States yields where the client stands, at once and after each change, until it is Closed
// or ctx ends. A slow reader skips states.
func (c *Client) States(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		for seen := 0; ; {
			c.mu.Lock()
			now, version, changed := c.state, c.version, c.changed
			c.mu.Unlock()
			if version != seen {
				if seen = version; !yield(now) || now.Phase == Closed {
					return
				}
				continue
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// show brings the state up to date. The caller holds the lock.
func (c *Client) show(problem error) {
	next := State{Phase: Waiting, Problem: problem, Since: c.state.Since}
	switch {
	case c.ended != nil:
		next.Phase, next.Problem = Closed, c.ended
	case c.current != nil:
		next.Phase, next.Problem = Live, nil
	case c.dialing:
		next.Phase = Connecting
	}
	if next.Phase == c.state.Phase {
		return
	}
	if next.Problem == nil && next.Phase != Live {
		next.Problem = c.state.Problem
	}
	if next.Phase == Live || c.state.Phase == Live {
		next.Since = time.Now()
	}
	c.state = next
	c.version++
	c.tell()
}
