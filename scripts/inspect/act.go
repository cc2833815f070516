package main

import (
	"context"
	"errors"
	"slices"

	"github.com/pay-theory/streamer/internal/queue"
)

// hintBatch is how many requests are done together: one call to each work queue.
const hintBatch = 10

// act carries out the steps of all requests, writes down what became of each, and
// returns the dead letters that it deleted. What fails for some holds up no others.
func (s *session) act(ctx context.Context, all []request) (deleted []letter, failed error) {
	letters := deadLetters{client: s.queues, url: s.dead}
	remove := func(r *request, done string) {
		r.done = done
		for _, l := range r.dead {
			if err := letters.delete(ctx, l); err != nil {
				r.done = done + ", dead letter kept"
				failed = errors.Join(failed, err)
				continue
			}
			deleted = append(deleted, l)
		}
	}
	var send []*request
	for i := range all {
		switch r := &all[i]; r.step {
		case stepSend:
			send = append(send, r)
		case stepDelete, stepForget:
			remove(r, "deleted")
		case stepDiscard:
			remove(r, "discarded")
		default:
			r.done = "kept"
		}
	}
	for batch := range slices.Chunk(send, hintBatch) {
		hints := make([]queue.Hint, len(batch))
		for i, r := range batch {
			hints[i] = queue.Hint{Key: r.key, Action: r.row.Action, Trace: r.row.Trace}
		}
		if err := s.hints.Send(ctx, hints); err != nil {
			failed = errors.Join(failed, err)
			for _, r := range batch {
				r.done = "not sent"
			}
			continue
		}
		for _, r := range batch {
			remove(r, "sent")
		}
	}
	return deleted, failed
}

// without are the letters that are not among the deleted ones.
func without(all, deleted []letter) []letter {
	gone := map[string]bool{}
	for _, l := range deleted {
		gone[l.message] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(l letter) bool { return gone[l.message] })
}
