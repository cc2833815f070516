// Package reconciler finds the open requests whose hint is gone and sends it again. It
// runs every five minutes and changes no status: a hint that was not lost is harmless. It
// also closes the connections whose token has run out.
//
// # Design
//
// What a token allowed, ends with it. The router refuses the messages of its connection from
// that moment; what the connection watches is posted to it until the next run, five minutes
// later at the latest. To know sooner, whoever posts would have to read the connection's item
// before, or a timer to be kept for each connection: both cost more than all the rest of it.
// The router does not close what it refuses: its answer would be lost with the connection, and
// a client that means well comes back with a fresh token by itself. A connection's item outlives
// its token by three runs, since DynamoDB may delete it as soon as it may, and nobody would find
// the connection then.
//
// How many connections are open, it tells by counting the connections table. What adds up its
// stream knows no better when a connection has ended without a word: its item stays in the
// table, and so out of the stream, until DynamoDB gets to deleting it, "typically within a
// few days" (Amazon DynamoDB developer guide, "Using time to live"). A count leaves out what
// has run out, there or not; it forgets its own mistakes every five minutes, where a sum keeps
// each for ever, a record that came twice among them; and it reads half a unit for 4 KB:
// 100,000 connections cost about 5 dollars a month, less than a hundredth of what their
// minutes do. Two things it does not see, nor would the stream: what came and went within five
// minutes, which the metrics of connects and disconnects have; and that a connection is gone
// of which API Gateway told nobody, as it may ("$disconnect" is best effort). That one counts
// until a post finds it gone, or its item has run out: with its token, or after 2 h 5 min.
package reconciler

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
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

// Connections is what the reconciler needs of the connections table.
type Connections interface {
	Survey(ctx context.Context, now time.Time, most int) (live int, expired []string, err error)
}

// Closer ends connections.
type Closer interface {
	Close(ctx context.Context, connectionID string) error
}

// Sender puts hints into the work queues of their actions.
type Sender interface {
	Send(ctx context.Context, hints []queue.Hint) error
}

// Reconciler is the function behind the schedule.
type Reconciler struct {
	Requests    Requests
	Connections Connections
	Closer      Closer
	Queue       Sender
	Clock       clock.Clock
	Metrics     metric.Recorder
	Log         *slog.Logger
}

// period is how often the function runs, spare what a run leaves of the function's time.
const (
	period = 5 * time.Minute
	spare  = 10 * time.Second
)

// Handle is the function's entry: it looks at the connections, for half of its time at most,
// and walks all shards of the open requests, page by page. It records how long the oldest
// request has waited for a hint in any case, zero included, so that silence means that it does
// not run. A run that has not the time for all of them ends early, and each run begins with the
// shard after the last one's first, so that none is left out for good.
func (r Reconciler) Handle(ctx context.Context) error {
	w := walk{now: r.Clock.Now(), mute: map[string]bool{}}
	w.oldest = w.now
	w.end, w.limited = ctx.Deadline()
	w.end = w.end.Add(-spare)
	r.survey(ctx, &w)
	first := int(w.now.Unix() / int64(period/time.Second) % contract.OpenShards)
	for i := range contract.OpenShards {
		r.shard(ctx, &w, (first+i)%contract.OpenShards)
	}
	waited := w.now.Sub(w.oldest)
	r.Metrics.Value(contract.MetricOldestOpen, metric.Labels{}, waited.Milliseconds())
	r.Log.InfoContext(ctx, "reconciled", "resent", w.resent, "oldest_ms", waited.Milliseconds(), "closed", w.closed, "unfinished", w.unfinished)
	return w.failed
}

// survey tells how many connections are open, and closes those whose token has run out. If
// there is no time left for it, it tells nothing: a number that is too small would mislead.
func (r Reconciler) survey(ctx context.Context, w *walk) {
	if w.limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, w.now.Add(w.end.Sub(w.now)/2))
		defer cancel()
	}
	live, expired, err := r.Connections.Survey(ctx, w.now, mostClosed)
	if err != nil {
		w.failed = errors.Join(w.failed, err)
		return
	}
	r.Metrics.Value(contract.MetricLiveConnections, metric.Labels{}, int64(live))
	if w.closed, err = r.close(ctx, expired); err != nil {
		r.Log.ErrorContext(ctx, "connections whose token has run out stay open until the next run", "left", len(expired)-w.closed, "error", err)
	}
}

// Closings share a quota with all posts and messages (API Gateway developer guide, "Quotas for
// configuring and running a WebSocket API"), so that a run makes at most mostClosed of them,
// closers at once, and gives up after mostFailed that failed: most likely none can be made.
const (
	mostClosed  = 10_000
	mostFailed  = 10
	closers     = 8
	closeWithin = 5 * time.Second
)

// close ends connections, in another order each time, so that it is not always the same ones
// that are left.
func (r Reconciler) close(ctx context.Context, expired []string) (closed int, err error) {
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		failed []error
		turn   = make(chan struct{}, closers)
	)
	for _, n := range rand.Perm(len(expired)) {
		turn <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-turn }()
			one, cancel := context.WithTimeout(ctx, closeWithin)
			defer cancel()
			err := r.Closer.Close(one, expired[n])
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				closed++
			} else if failed = append(failed, err); len(failed) == mostFailed {
				giveUp()
			}
		})
	}
	all.Wait()
	if len(failed) == 0 {
		return closed, ctx.Err()
	}
	return closed, errors.Join(failed...)
}

// walk is one run.
type walk struct {
	now        time.Time
	end        time.Time // of its time, if limited
	limited    bool
	oldest     time.Time
	resent     int
	closed     int
	mute       map[string]bool // actions whose queue takes nothing: what is marked now would only wait longer
	unfinished bool
	failed     error
}

func (r Reconciler) shard(ctx context.Context, w *walk, shard int) {
	for page, more := "", true; more; {
		if w.limited && !r.Clock.Now().Before(w.end) {
			w.unfinished = true
			return
		}
		rows, next, err := r.Requests.Open(ctx, shard, w.now, page)
		if err != nil {
			w.failed = errors.Join(w.failed, err)
			return
		}
		for _, row := range rows {
			since, stale := lifecycle.Stale(row, w.now)
			if since.Before(w.oldest) {
				w.oldest = since
			}
			if stale && !w.mute[row.Action] {
				r.resend(ctx, w, row)
			}
		}
		page, more = next, next != ""
	}
}

// resend marks the row first, so that two runs at once send one hint.
func (r Reconciler) resend(ctx context.Context, w *walk, row lifecycle.Row) {
	_, err := r.Requests.Update(ctx, row.Key(), lifecycle.Resend(row, w.now))
	if _, moved := errors.AsType[*store.RefusedError](err); moved {
		return // someone works on it, or another run was sooner
	}
	if err != nil {
		w.failed = errors.Join(w.failed, err)
		return
	}
	if err := r.Queue.Send(ctx, []queue.Hint{{Key: row.Key(), Action: row.Action, Trace: row.Trace}}); err != nil {
		w.failed, w.mute[row.Action] = errors.Join(w.failed, err), true
		return
	}
	w.resent++
	r.Metrics.Add(contract.MetricHintsResent, metric.Labels{Action: row.Action}, 1)
	r.Log.WarnContext(ctx, "hint sent again", "request", row.Key().ID, "action", row.Action, "status", row.Status, "times", row.Hints+1)
}
