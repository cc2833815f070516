package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// rate compares how many messages are answered a second, each sent when the one before it is
// answered, over so many connections.
func rate(ctx context.Context, s *stage) (string, error) {
	const rounds, span = 2, 2 * time.Second
	t := newTable("at once", "sync, a second", "bare", "ratio", "async, a second")
	for _, atOnce := range []int{1, 10, 50} {
		answered := map[string]int64{}
		for range rounds {
			for _, side := range s.sides() {
				n, err := side.answered(ctx, atOnce, span)
				if err != nil {
					return "", fmt.Errorf("%s, %d at once: %w", side.name, atOnce, err)
				}
				answered[side.name] += n
			}
		}
		ended, err := s.ended(ctx, atOnce, span)
		if err != nil {
			return "", fmt.Errorf("async, %d at once: %w", atOnce, err)
		}
		second := rounds * span.Seconds()
		t.row(atOnce, fmt.Sprintf("%.0f", float64(answered["Streamer"])/second), fmt.Sprintf("%.0f", float64(answered["bare"])/second),
			ratio(answered["Streamer"], answered["bare"]), fmt.Sprintf("%.0f", ended))
	}
	return t.String() + "\nThe emulator, the functions and the clients share this machine's processors. Async requests report once, and are done\n" +
		"when their last frame is there.\n", nil
}

// answered counts what is answered within a span.
func (side side) answered(ctx context.Context, atOnce int, span time.Duration) (int64, error) {
	sockets, err := dialAll(ctx, side.socket, atOnce)
	if err != nil {
		return 0, err
	}
	defer closeAll(sockets)
	if err := each(atOnce, atOnce, func(i int) error { _, err := sockets[i].ask(ctx, echo); return err }); err != nil { // starts processes
		return 0, err
	}
	var answered atomic.Int64
	end := time.Now().Add(span)
	err = each(atOnce, atOnce, func(i int) error {
		for time.Now().Before(end) {
			if _, err := sockets[i].ask(ctx, echo); err != nil {
				return err
			}
			answered.Add(1)
		}
		return nil
	})
	return answered.Load(), err
}

// ended is how many async requests a second end.
func (s *stage) ended(ctx context.Context, atOnce int, span time.Duration) (float64, error) {
	sockets, err := dialAll(ctx, s.socket, atOnce)
	if err != nil {
		return 0, err
	}
	defer closeAll(sockets)
	var ended atomic.Int64
	began := time.Now()
	err = each(atOnce, atOnce, func(i int) error {
		for time.Since(began) < span {
			if err := finish(ctx, sockets[i], async(0, 1)); err != nil {
				return err
			}
			ended.Add(1)
		}
		return nil
	})
	return float64(ended.Load()) / time.Since(began).Seconds(), err
}

// finish asks for a request and waits until it has ended and was accepted, which may come in
// any order.
func finish(ctx context.Context, c *socket, m message) error {
	if err := c.send(ctx, m); err != nil {
		return err
	}
	accepted, ended := false, false
	for !accepted || !ended {
		f, err := c.next(ctx)
		if err != nil {
			return err
		}
		accepted, ended = accepted || f.Type == "accepted", ended || f.terminal()
	}
	return nil
}

// fifty asks for requests of 5 s all at once and returns when the last has ended.
func (s *stage) fifty(ctx context.Context) (time.Duration, error) {
	const requests, sockets = 50, 10
	all, err := dialAll(ctx, s.socket, sockets)
	if err != nil {
		return 0, err
	}
	defer closeAll(all)
	began := time.Now()
	err = each(sockets, sockets, func(i int) error {
		for range requests / sockets {
			if err := all[i].send(ctx, async(5*time.Second, 5)); err != nil {
				return err
			}
		}
		for range requests / sockets {
			if _, err := all[i].until(ctx, frame.terminal); err != nil {
				return err
			}
		}
		return nil
	})
	return time.Since(began), err
}

// idle opens a thousand connections and looks at what they do to one that is used.
func idle(ctx context.Context, s *stage) (string, error) {
	const sockets, messages, quiet = 1000, 100, 5 * time.Second
	used, err := dial(ctx, s.socket)
	if err != nil {
		return "", err
	}
	defer used.close()
	trips := func() (took times, err error) {
		for range messages {
			d, err := used.ask(ctx, echo)
			if err != nil {
				return nil, err
			}
			took = append(took, d)
		}
		return took, nil
	}
	if _, err := trips(); err != nil { // starts the function
		return "", err
	}
	alone, err := trips()
	if err != nil {
		return "", err
	}
	began := time.Now()
	all, err := dialAll(ctx, s.socket, sockets)
	if err != nil {
		return "", err
	}
	defer closeAll(all)
	opened := time.Since(began)
	beside, err := trips()
	if err != nil {
		return "", err
	}
	before, err := s.calls(ctx)
	if err != nil {
		return "", err
	}
	time.Sleep(quiet)
	after, err := s.calls(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range all {
		select {
		case f, open := <-c.frames:
			return "", fmt.Errorf("an idle connection had a frame, or ended (%t): %+v", !open, f)
		default:
		}
	}
	closeAll(all)
	if err := s.settle(ctx); err != nil { // a thousand runs of $disconnect
		return "", err
	}
	t := newTable("round trip of another one, ms", "p50", "p99")
	t.row("before", ms(alone.at(0.5)), ms(alone.at(0.99)))
	t.row("beside 1,000 idle ones", ms(beside.at(0.5)), ms(beside.at(0.99)))
	return t.String() + fmt.Sprintf("\nAll were opened within %.1f s, %.0f a second; none was lost. In %.0f s in which nobody did anything, the functions made %d calls\n"+
		"to AWS. The emulator looks after each connection twice a second, which is what others feel here.\n",
		opened.Seconds(), sockets/opened.Seconds(), quiet.Seconds(), after-before), nil
}
