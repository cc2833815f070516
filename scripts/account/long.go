package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// idle opens a connection and says nothing.
func idle(ctx context.Context, s *stage) (answer, error) {
	return s.lasts(ctx, 10*time.Minute, nil)
}

// lifetime opens a connection and pings.
func lifetime(ctx context.Context, s *stage) (answer, error) {
	return s.lasts(ctx, 2*time.Hour, func(ctx context.Context, c *socket) {
		for every := time.NewTicker(4 * time.Minute); ; {
			select {
			case <-every.C:
				if c.send(ctx, protocol.Message{Action: protocol.ActionPing}) != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// lasts waits for the end of a connection that should come after a time with 1001, give
// or take a minute.
func (s *stage) lasts(ctx context.Context, expected time.Duration, meanwhile func(context.Context, *socket)) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	ctx, cancel := context.WithTimeout(ctx, expected+5*time.Minute)
	defer cancel()
	if meanwhile != nil {
		go meanwhile(ctx, c)
	}
	began := time.Now()
	code, err := c.closed(ctx)
	took := time.Since(began)
	if ctx.Err() != nil {
		return answer{fmt.Sprintf("still open after %s", took.Round(time.Second)), false}, nil
	}
	if code < 0 {
		return answer{fmt.Sprintf("cut after %s without a code: %v", took.Round(time.Second), err), false}, nil
	}
	return answer{
		fmt.Sprintf("closed after %s with %d", took.Round(time.Second), code),
		code == websocket.StatusGoingAway && (took-expected).Abs() < time.Minute,
	}, nil
}
