package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// starts submits requests at once over some connections and returns, sorted, how long
// each took from its acceptance to its first progress. It waits until most seconds later.
func (s *stage) starts(ctx context.Context, requests int, payload string, most time.Duration) ([]time.Duration, error) {
	const perConnection = 50
	type start struct {
		after time.Duration
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	all := make(chan start, requests)
	for first := 0; first < requests; first += perConnection {
		c, err := s.dial(ctx)
		if err != nil {
			return nil, err
		}
		defer c.CloseNow()
		mine := min(perConnection, requests-first)
		go func() {
			for i := range mine {
				m := protocol.Message{Action: "echo_async", ID: fmt.Sprint(i), Payload: []byte(payload)}
				if err := c.send(ctx, m); err != nil {
					all <- start{err: err}
					return
				}
			}
			accepted := map[string]time.Time{}
			early := map[string]bool{}
			for left := mine; left > 0; {
				_, b, err := c.Read(ctx)
				if err != nil {
					all <- start{err: err}
					return
				}
				m := parse(b)
				switch at, known := accepted[m.RequestID]; {
				case m.Type == string(protocol.TypeAccepted) && early[m.RequestID]:
					all <- start{}
					left--
				case m.Type == string(protocol.TypeAccepted):
					accepted[m.RequestID] = time.Now()
				case m.Type == string(protocol.TypeProgress) && known:
					all <- start{after: time.Since(at)}
					delete(accepted, m.RequestID)
					left--
				case m.Type == string(protocol.TypeProgress):
					early[m.RequestID] = true // it overtook its acceptance, or is not the first
				}
			}
		}()
	}
	var after []time.Duration
	for len(after) < requests {
		got := <-all
		if got.err != nil {
			return after, fmt.Errorf("%d of %d started: %w", len(after), requests, got.err)
		}
		after = append(after, got.after)
	}
	slices.Sort(after)
	return after, nil
}

// lanes shows what stream and queue add to requests that are quick.
func lanes(ctx context.Context, s *stage) (answer, error) {
	after, err := s.starts(ctx, 500, `{"message":"lanes","duration_ms":100,"steps":1}`, 10*time.Minute)
	if err != nil {
		return answer{}, err
	}
	at := func(share float64) time.Duration {
		return after[int(share*float64(len(after)-1))].Round(time.Millisecond)
	}
	return answer{
		fmt.Sprintf("accepted to first progress: p50 %s, p95 %s, longest %s", at(0.5), at(0.95), at(1)),
		at(1) < time.Minute,
	}, nil
}

// ramp shows how many long requests have begun after each ten seconds.
func ramp(ctx context.Context, s *stage) (answer, error) {
	const requests = 200
	after, err := s.starts(ctx, requests, `{"message":"ramp","duration_ms":60000,"steps":60}`, 20*time.Minute)
	if err != nil {
		return answer{}, err
	}
	var curve []string
	for end := 10 * time.Second; ; end += 10 * time.Second {
		begun, _ := slices.BinarySearch(after, end)
		curve = append(curve, fmt.Sprintf("%.0f s %d", end.Seconds(), begun))
		if begun == requests {
			break
		}
	}
	return answer{"begun after " + strings.Join(curve, ", "), after[requests-1] < 5*time.Minute}, nil
}
