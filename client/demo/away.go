package main

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/client"
)

// states passes on where the client stands with its connection, until ctx ends.
func states(ctx context.Context, c *client.Client) <-chan client.State {
	passed := make(chan client.State)
	go func() {
		for s := range c.States(ctx) {
			select {
			case passed <- s:
			case <-ctx.Done():
			}
		}
	}()
	return passed
}

// isAway says that there is no connection, and will be one again.
func isAway(s client.State) bool { return s.Phase == client.Connecting || s.Phase == client.Waiting }

// away says since when there is no connection, and why.
func away(s client.State, now time.Time) string {
	return "no connection for " + elapsed(max(now.Sub(s.Since), 0)) + ", connecting again" + because(s)
}

func because(s client.State) string {
	if s.Problem == nil {
		return ""
	}
	return fmt.Sprintf(" (%s)", clean(s.Problem.Error()))
}
