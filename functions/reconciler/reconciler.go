// Package reconciler finds the open requests whose hint is gone and sends it again. It
// runs every five minutes and changes no status: a hint that was not lost is harmless.
package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

// Requests is what the reconciler needs of the requests table.
type Requests interface {
	Open(ctx context.Context, shard int, before time.Time, page string) (rows []lifecycle.Row, next string, err error)
	Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error)
}

// Sender puts hints into the work queue.
type Sender interface {
	Send(ctx context.Context, hints []queue.Hint) error
}

// Reconciler is the function behind the schedule.
type Reconciler struct {
	Requests Requests
	Queue    Sender
	Clock    clock.Clock
	Metrics  metric.Recorder
	Log      *slog.Logger
}

// Handle is the function's entry: it walks all shards of the open requests, page by
// page. It records how long the oldest request has waited for a hint in any case, zero
// included, so that silence means that it does not run.
func (r Reconciler) Handle(ctx context.Context) error {
	now := r.Clock.Now()
	oldest := now
	var failed error
	resent := 0
	for shard := range contract.OpenShards {
		for page, more := "", true; more; {
			rows, next, err := r.Requests.Open(ctx, shard, now, page)
			if err != nil {
				failed = errors.Join(failed, err)
				break
			}
			for _, row := range rows {
				since, stale := lifecycle.Stale(row, now)
				if since.Before(oldest) {
					oldest = since
				}
				if !stale {
					continue
				}
				sent, err := r.resend(ctx, row, now)
				failed = errors.Join(failed, err)
				if sent {
					resent++
				}
			}
			page, more = next, next != ""
		}
	}
	r.Metrics.Duration(contract.MetricOldestOpen, "", now.Sub(oldest))
	r.Log.InfoContext(ctx, "reconciled", "resent", resent, "oldest_ms", now.Sub(oldest).Milliseconds())
	return failed
}

// resend marks the row first, so that two runs at once send one hint.
func (r Reconciler) resend(ctx context.Context, row lifecycle.Row, now time.Time) (sent bool, err error) {
	_, err = r.Requests.Update(ctx, row.Key(), lifecycle.Resend(row, now))
	if _, moved := errors.AsType[*store.RefusedError](err); moved {
		return false, nil // someone works on it, or another run was sooner
	}
	if err != nil {
		return false, err
	}
	if err := r.Queue.Send(ctx, []queue.Hint{{Key: row.Key(), Trace: row.Trace}}); err != nil {
		return false, err
	}
	r.Metrics.Count(contract.MetricHintsResent, row.Action)
	r.Log.WarnContext(ctx, "hint sent again", "request", row.Key().ID, "action", row.Action, "status", row.Status, "times", row.Hints+1)
	return true, nil
}
