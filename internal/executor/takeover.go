package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// A ticket that is not good yet, or that someone else takes at the same time, is tried
// again after lookPause, then twice as long, up to lookPauseMost.
const (
	lookPause     = 100 * time.Millisecond
	lookPauseMost = 2 * time.Second
)

// ticket names the attempt.
func (a *attempt) ticket() lifecycle.Ticket {
	return lifecycle.Ticket{Key: a.delivery.Key, Fence: a.row.Fence, CreatedAt: a.row.CreatedAt}
}

// TakeOver goes on with the attempt that a ticket is good for, in place of its handler and
// of whoever had taken it over before, and returns once its outcome is stored. The clocks
// are the ticket's. owner names this process. An error means that nothing was stored:
// streamer.ErrLost if the attempt is over or another's, streamer.ErrCancelled if the
// request has ended so.
func (e *Executor) TakeOver(ctx context.Context, t lifecycle.Ticket, owner string) error {
	row, at, err := e.redeem(ctx, t, owner)
	if err != nil {
		return err
	}
	return e.run(ctx, Delivery{Key: t.Key, Owner: owner}, row, at)
}

// Report takes the attempt over, as TakeOver does, stores and posts how far it is, and
// leaves it to whoever takes it over next, who must within the lease. A request that was
// asked to stop before ends so, and the error is streamer.ErrCancelled.
func (e *Executor) Report(ctx context.Context, t lifecycle.Ticket, owner string, percentage float64, message string) error {
	row, at, err := e.redeem(ctx, t, owner)
	if err != nil {
		return err
	}
	if row.CancelAt != 0 {
		if err := e.run(ctx, Delivery{Key: t.Key, Owner: owner}, row, at); err != nil {
			return err
		}
		return streamer.ErrCancelled
	}
	ctx, span := e.join(ctx, Delivery{Key: t.Key, Owner: owner}, row, "streamer.report", at)
	defer span.End()
	tracker := progress.NewTracker(row, e.Clocks.Clocks, at)
	tracker.Step(percentage, message, at)
	pulse := func(ctx context.Context, u lifecycle.Update) (lifecycle.Row, error) { return e.update(ctx, t.Key, u) }
	err = progress.Say(ctx, tracker, e.Clock, e.Connections, pulse, e.within(ctx, noteBudget))
	if lost(err) {
		return streamer.ErrLost
	}
	return err
}

// redeem takes the attempt that a ticket is good for.
func (e *Executor) redeem(ctx context.Context, t lifecycle.Ticket, owner string) (row lifecycle.Row, at time.Time, err error) {
	for pause := lookPause; ; pause = min(2*pause, lookPauseMost) {
		row, exists, err := e.Requests.Get(ctx, t.Key)
		if err != nil {
			return row, at, fmt.Errorf("take over: %w", err)
		}
		switch t.Worth(row, exists) {
		case lifecycle.Good:
			at = e.Clock.Now()
			taken, err := e.update(ctx, t.Key, lifecycle.TakeOver(t, row.Fence, owner, at, e.Clocks.Lease))
			stood, refused := errors.AsType[*store.RefusedError](err)
			switch {
			case err == nil:
				return taken, at, nil
			case !refused:
				return row, at, fmt.Errorf("take over: %w", err)
			case stood.Exists && stood.Row.Fence == row.Fence+1 && stood.Row.Owner == owner && stood.Row.Status == protocol.Processing:
				return stood.Row, at, nil // the answer was lost on the way
			}
		case lifecycle.Void:
			if exists && row.CreatedAt == t.CreatedAt && row.Status == protocol.Cancelled {
				return row, at, streamer.ErrCancelled
			}
			return row, at, streamer.ErrLost
		}
		due, stop := e.Clock.After(pause)
		select {
		case <-due:
		case <-ctx.Done():
			stop()
			return row, at, fmt.Errorf("take over: %w", context.Cause(ctx))
		}
	}
}
