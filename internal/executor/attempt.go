package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

var (
	errCompletedTwice = errors.New("complete: the request has ended already")
	errElsewhere      = errors.New("the action is another worker's")
)

// attempt is one run of a handler under one claim.
type attempt struct {
	*Executor
	delivery Delivery
	row      lifecycle.Row
	session  *progress.Session
	claimed  time.Time
	ends     time.Time // when the run's time is up; zero if nothing limits it

	// release ends the hold on the message, so that a later one is the last.
	release func()

	// busy has one while somebody decides or looks at the outcome: a lock, but one that
	// simulated time passes by.
	busy   chan struct{}
	closed bool // its outcome is decided: nothing else may end it
	ended  *lifecycle.Row
	told   bool
	kept   kept
	// silence is how long those may be silent to whom the handler hands the request over;
	// zero if it has made no ticket.
	silence time.Duration
}

// remote reports whether the attempt was taken over.
func (a *attempt) remote() bool { return a.row.Handed != 0 }

// carried reports whether a message stands behind the attempt, which comes back unless it
// is deleted.
func (a *attempt) carried() bool { return a.delivery.Handle != "" }

// hinted makes the end of an attempt that no message stands behind a hint itself.
func (a *attempt) hinted(u lifecycle.Update) lifecycle.Update {
	if a.carried() {
		return u
	}
	return lifecycle.Notify(u)
}

// run is one attempt, from its claim to its outcome.
func (e *Executor) run(ctx context.Context, d Delivery, row lifecycle.Row, claimed time.Time) error {
	ctx, span := e.join(logging.About(ctx, "action", row.Action, "attempt", row.Attempt), d, row, "streamer.attempt", claimed)
	claim(ctx, claimed)
	if first(row) {
		e.Metrics.Value(contract.MetricQueueWait, metric.Labels{Action: row.Action}, claimed.UnixMilli()-row.CreatedAt)
	}
	a := &attempt{
		Executor: e, delivery: d, row: row, claimed: claimed, busy: make(chan struct{}, 1),
		kept: kept{state: lifecycle.Document{JSON: row.State, At: row.StateAt, Hash: row.StateHash}, at: claimed},
	}
	a.ends = a.timeUp(ctx)
	work, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	a.session = progress.Start(ctx, progress.NewTracker(row, e.Clocks.Clocks, claimed), e.Clock, e.Connections,
		func(ctx context.Context, u lifecycle.Update) (lifecycle.Row, error) {
			return e.Requests.Update(ctx, d.Key, u)
		}, lost)
	defer a.traced(span)
	defer a.measure()
	defer a.session.Stop()
	var keepers sync.WaitGroup
	keep, stop := context.WithCancel(ctx)
	a.release = func() {
		stop()
		keepers.Wait()
	}
	defer a.release()
	if a.carried() {
		keepers.Go(func() { a.hold(keep) })
	}
	keepers.Go(func() { a.limit(keep, lost) })
	if row.CancelAt != 0 {
		lost(streamer.ErrCancelled) // while nobody had it
	}

	return a.resolve(ctx, work, a.handle(ctx, work))
}

// first reports whether nobody has worked on the request before.
func first(row lifecycle.Row) bool {
	return row.Attempt == 1 && row.Continuations == 0 && row.Handed == 0
}

// measure records what the run was like.
func (a *attempt) measure() {
	of, told := metric.Labels{Action: a.row.Action}, a.session.Tally()
	a.Metrics.Value(contract.MetricRunTime, of, a.Clock.Now().Sub(a.claimed).Milliseconds())
	if told.Posted > 0 {
		a.Metrics.Add(contract.MetricProgressPosted, of, told.Posted)
	}
	if coalesced := told.Coalesced(); coalesced > 0 {
		a.Metrics.Add(contract.MetricProgressCoalesced, of, coalesced)
	}
	if first(a.row) && !told.First.IsZero() {
		a.Metrics.Value(contract.MetricFirstProgress, of, told.First.UnixMilli()-a.row.CreatedAt)
	}
}

// hold keeps the message invisible to everyone else.
func (a *attempt) hold(ctx context.Context) {
	for {
		due, stop := a.Clock.After(a.Clocks.Visibility / 2)
		select {
		case <-ctx.Done():
			stop()
			return
		case <-due:
		}
		if err := a.Queue.Hold(ctx, a.delivery.Handle, a.Clocks.Visibility); err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "message not held: it may be delivered a second time", "request", a.delivery.Key.ID, "error", err)
		}
	}
}

// timeUp is when the time of a run is up: its action's, or its function's but for what
// recording takes. It is zero if nothing limits it. What was handed over has its own time.
func (a *attempt) timeUp(ctx context.Context) (end time.Time) {
	if entry, known := a.Registry.Lookup(a.row.Action); known && !a.remote() {
		end = a.claimed.Add(entry.Spec().Timeout)
	}
	if function, limited := ctx.Deadline(); limited {
		if own := function.Add(-reserve); end.IsZero() || own.Before(end) {
			end = own
		}
	}
	return end
}

// limit ends the work when its time is up.
func (a *attempt) limit(ctx context.Context, lost func(error)) {
	end, cause := time.UnixMilli(a.row.DeadlineAt), streamer.ErrDeadline
	if !a.ends.IsZero() && a.ends.Before(end) {
		end, cause = a.ends, streamer.ErrTimeout
	}
	due, stop := a.Clock.After(end.Sub(a.Clock.Now()))
	defer stop()
	select {
	case <-ctx.Done():
	case <-due:
		lost(cause)
	}
}

// handle runs the handler and waits for it, but for one that does not heed the end of
// its context: that one is left behind, and whatever it still writes is refused.
func (a *attempt) handle(ctx, work context.Context) error {
	result := make(chan error, 1)
	go func() { result <- a.call(ctx, work) }()
	select {
	case err := <-result:
		return err
	case <-work.Done():
	}
	due, stop := a.Clock.After(grace)
	defer stop()
	select {
	case err := <-result:
		return err
	case <-due:
		a.Log.ErrorContext(ctx, "handler goes on although its context has ended", "request", a.delivery.Key.ID, "action", a.row.Action)
		return context.Cause(work)
	}
}

func (a *attempt) call(ctx, work context.Context) (err error) {
	work, span := tracing.Start(work, "handler")
	defer func() {
		if p := recover(); p != nil {
			err = logging.Panicked(p, a.row.Redact)
		}
		handled(span, err)
	}()
	if work.Err() != nil {
		return context.Cause(work)
	}
	if a.Elsewhere != nil && a.Elsewhere(a.row.Action) {
		return errElsewhere
	}
	binding, ok := a.Registry.Binding(a.row.Action)
	if !ok {
		// A deployment may be under way: another attempt may find it.
		return &streamer.Error{Code: protocol.UnknownAction, Message: fmt.Sprintf("action %q is not deployed", a.row.Action), Retryable: true}
	}
	payload, err := a.payload(work, a.row)
	if err != nil {
		return err
	}
	req := &streamer.Request[json.RawMessage]{
		ID: a.delivery.Key.ID, Action: a.row.Action, Tenant: a.delivery.Key.Tenant, User: a.row.User, Attempt: a.row.Attempt,
		CreatedAt: time.UnixMilli(a.row.CreatedAt), Deadline: time.UnixMilli(a.row.DeadlineAt),
		Payload: payload, Files: a.Files.Of(a.delivery.Key),
	}
	err = binding.Handle(streamer.WithKeeper(work, keeper{a}), req, sink{a.session, func(result json.RawMessage, file *streamer.File) error {
		return a.complete(ctx, result, file)
	}})
	if a.row.Redact {
		err = logging.Hide(err)
	}
	return err
}

// sink is what the binding writes to.
type sink struct {
	*progress.Session
	complete func(json.RawMessage, *streamer.File) error
}

// Complete implements streamer.Sink.
func (s sink) Complete(result json.RawMessage, file *streamer.File) error {
	return s.complete(result, file)
}

// complete ends the request with its result.
func (a *attempt) complete(ctx context.Context, result json.RawMessage, file *streamer.File) error {
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	if a.closed {
		return errCompletedTwice
	}
	outcome := lifecycle.Outcome{Result: string(result)}
	if file != nil {
		outcome.File = file.Key
	}
	if len(result) > protocol.MaxInline {
		hash, err := a.Files.PutDocument(ctx, view.ResultKey(a.delivery.Key, a.row.Fence), result)
		if err != nil {
			return fmt.Errorf("complete: %w", err)
		}
		outcome.Result, outcome.At, outcome.Size, outcome.Hash = "", lifecycle.PlaceObject, int64(len(result)), hash
	}
	seq := a.session.Close()
	if err := a.end(ctx, lifecycle.Complete(a.row.Fence, outcome, seq, a.Clock.Now()), protocol.Completed, seq); err != nil {
		a.session.Reopen()
		return fmt.Errorf("complete: %w", err)
	}
	return nil
}

// end writes a terminal state and tells everyone. The caller holds the lock.
func (a *attempt) end(ctx context.Context, u lifecycle.Update, status protocol.Status, seq int64) error {
	row, err := a.write(ctx, lifecycle.Redacted(a.hinted(u), a.row), func(stood lifecycle.Row) bool {
		return stood.Fence == a.row.Fence && stood.Status == status && stood.Seq == seq
	})
	if err != nil {
		return err
	}
	a.closed, a.ended = true, &row
	a.Executor.ended(ctx, row)
	frame, err := view.Terminal(ctx, row, a.Files, a.Clock.Now())
	if err != nil {
		a.Log.ErrorContext(ctx, "terminal frame not made", "request", a.delivery.Key.ID, "error", err)
		return nil // the outcome is stored; telling comes with the message's next delivery
	}
	a.record(ctx, row)
	told := a.session.End(ctx, frame, seq, row.Watchers, a.within(ctx, tellBudget))
	if a.told = a.redact(ctx, row) && told; a.told {
		a.Executor.told(ctx, row)
	}
	return nil
}

// write carries out a transition of the claim's owner, again and again while the table
// does not answer and the lease lasts. own recognises the row that this very write left,
// in case its answer was lost.
func (a *attempt) write(ctx context.Context, u lifecycle.Update, own func(lifecycle.Row) bool) (lifecycle.Row, error) {
	end := a.Clock.Now().Add(a.Clocks.Lease)
	for {
		row, err := a.update(ctx, a.delivery.Key, u)
		if err == nil {
			return row, nil
		}
		if stood, refused := errors.AsType[*store.RefusedError](err); refused {
			if stood.Exists && own(stood.Row) {
				return stood.Row, nil
			}
			return row, err
		}
		a.Log.WarnContext(ctx, "outcome not written yet", "request", a.delivery.Key.ID, "write", u.Name, "error", err)
		due, stop := a.Clock.After(writePause)
		select {
		case <-ctx.Done():
			stop()
			return row, err
		case <-due:
		}
		if !a.Clock.Now().Before(end) {
			return row, err
		}
	}
}
