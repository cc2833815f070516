package main

import (
	"context"
	"fmt"
	"time"
)

// trip compares the time from a message to its answer, one after the other.
func trip(ctx context.Context, s *stage) (string, error) {
	const rounds, block = 30, 10
	took := map[string]times{}
	sockets := map[string]*socket{}
	for _, side := range s.sides() {
		c, err := dial(ctx, side.socket)
		if err != nil {
			return "", err
		}
		defer c.close()
		sockets[side.name] = c
		if _, err := c.ask(ctx, echo); err != nil { // starts the function
			return "", err
		}
	}
	for range rounds {
		for _, side := range s.sides() {
			for range block {
				d, err := sockets[side.name].ask(ctx, echo)
				if err != nil {
					return "", fmt.Errorf("%s: %w", side.name, err)
				}
				took[side.name] = append(took[side.name], d)
			}
		}
	}
	return compare(took, "round trip, ms", s) + fmt.Sprintf("\n%d messages each of the sync action `echo`, in blocks of %d in turn. Aim: a ratio of 1.1.\n", rounds*block, block), nil
}

// compare is a table of quantiles of both sides, and their ratios.
func compare(took map[string]times, what string, s *stage) string {
	t := newTable(what, "p50", "p90", "p99")
	for _, side := range s.sides() {
		all := took[side.name]
		t.row(side.name, ms(all.at(0.5)), ms(all.at(0.9)), ms(all.at(0.99)))
	}
	ours, bare := took["Streamer"], took["bare"]
	t.row("ratio", ratio(ours.at(0.5), bare.at(0.5)), ratio(ours.at(0.9), bare.at(0.9)), ratio(ours.at(0.99), bare.at(0.99)))
	return t.String()
}

// async is a request of echo_async that works so long in so many steps.
func async(d time.Duration, steps int) message {
	return message{Action: "echo_async", ID: "1", Payload: map[string]any{"message": "bench", "duration_ms": d.Milliseconds(), "steps": steps}}
}

// first is how long a client waits for what it asked for.
func first(ctx context.Context, s *stage) (string, error) {
	const requests = 40
	c, err := dial(ctx, s.socket)
	if err != nil {
		return "", err
	}
	defer c.close()
	seen := map[string]times{}
	for n := range requests + 1 {
		since := time.Now()
		if err := c.send(ctx, async(0, 1)); err != nil {
			return "", err
		}
		once := map[string]bool{}
		for !once["complete"] || !once["accepted"] {
			f, err := c.next(ctx)
			if err != nil {
				return "", err
			}
			if !once[f.Type] && n > 0 { // the first one starts the functions
				seen[f.Type] = append(seen[f.Type], f.at.Sub(since))
			}
			once[f.Type] = true
		}
	}
	t := newTable("ms from the message to", "p50", "p90", "p99")
	for _, kind := range []string{"accepted", "progress", "complete"} {
		t.row(kind, ms(seen[kind].at(0.5)), ms(seen[kind].at(0.9)), ms(seen[kind].at(0.99)))
	}
	return t.String() + fmt.Sprintf("\n%d requests one after the other that report once and end at once. What they pass: router, table, stream,\n"+
		"dispatcher, queue, processor.\n", requests), nil
}
