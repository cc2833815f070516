package executor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// moves makes the action another worker's, or again this one's.
func (r *rig) moves(away bool) {
	r.Elsewhere = func(action string) bool { return away && action == "work" }
}

func TestElsewhere(t *testing.T) {
	play(t, "a request that waits is given back, and its attempt goes on there", func(t *testing.T, r *rig) {
		runs := 0
		r.handler = func(context.Context, request, reporter) error { runs++; return nil }
		r.moves(true)
		r.wantContinued(r.deliver("m1"), 1, 1)
		r.wantFrames()
		if runs != 0 {
			t.Error("the handler ran here")
		}
		r.moves(false)
		r.wantDone(r.deliver("m2"))
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("complete")
		if row := r.row(); runs != 1 || row.Attempt != 1 || row.Carrier != "m2" {
			t.Errorf("%d runs, row %+v", runs, row)
		}
	})
	play(t, "with its last attempt, too", func(t *testing.T, r *rig) {
		r.declare(func(a *action) { a.Attempts = 2 })
		fails := true
		r.handler = func(context.Context, request, reporter) error {
			if fails {
				return errors.New("not yet")
			}
			return nil
		}
		r.wantKept(r.deliver("m1"))
		fails = false
		time.Sleep(time.Until(time.UnixMilli(r.row().NextAt)))
		r.moves(true)
		r.wantContinued(r.deliver("m1"), 2, 1)
		r.moves(false)
		r.wantDone(r.deliver("m2"))
		r.wantFrames("retrying", "complete")
		if row := r.row(); row.Status != protocol.Completed || row.Attempt != 2 {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "but one that is to be cancelled ends here", func(t *testing.T, r *rig) {
		r.handler = func(ctx context.Context, _ request, _ reporter) error { t.Error("the handler ran"); return nil }
		r.moves(true)
		r.set(func() {
			r.after = func(u lifecycle.Update) error {
				if u.Name == "claim" {
					r.cancel()
				}
				return nil
			}
		})
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("cancelled")
	})
	play(t, "and whoever has the carrier tells of an end", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { return nil }
		r.fate["c"] = streamer.ErrThrottled
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.set(func() { r.fate["c"] = nil })
		r.moves(true)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
	})
	play(t, "a table that does not answer keeps the message", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { t.Error("the handler ran"); return nil }
		r.moves(true)
		r.set(func() {
			r.before = func(u lifecycle.Update) error {
				if u.Name == "continue" {
					return errNoAnswer
				}
				return nil
			}
		})
		r.wantKept(r.deliver("m1"))
		r.set(func() { r.before = nil })
		time.Sleep(clocks.Lease + time.Second)
		r.wantContinued(r.deliver("m1"), 2, 1)
	})
}
