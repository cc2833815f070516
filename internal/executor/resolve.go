package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/protocol"
)

// resolve turns what the handler returned, and why its context ended if it did, into the
// attempt's outcome.
func (a *attempt) resolve(ctx, work context.Context, err error) error {
	cause := context.Cause(work)
	handsOver := err == nil && cause == nil && a.madeTicket()
	if err == nil && cause == nil && !a.hasEnded() && !handsOver {
		err = a.complete(ctx, json.RawMessage("null"), nil)
	}
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	a.closed = true
	switch {
	case a.ended != nil:
		if err != nil {
			a.Log.WarnContext(ctx, "handler failed after it had completed", "request", a.delivery.Key.ID, "action", a.row.Action, "error", err)
		}
		return a.settled(ctx)
	case errors.Is(cause, streamer.ErrLost), lost(err):
		return a.keep(streamer.ErrLost)
	case errors.Is(cause, streamer.ErrCancelled):
		return a.cancel(ctx)
	case errors.Is(cause, streamer.ErrDeadline):
		return a.fail(ctx, protocol.Deadline, "the request's deadline passed while it ran")
	case cause != nil && errors.Is(cause, context.Cause(ctx)):
		return a.stopped(ctx, cause)
	case handsOver:
		return a.handOver(ctx)
	case errors.Is(err, streamer.ErrContinue) && a.kept.full, errors.Is(err, errElsewhere):
		return a.goOn(ctx)
	}
	f, after := a.failure(ctx, cause, err)
	if f.Retryable && a.row.Attempt < a.row.MaxAttempts {
		next := a.Clock.Now().Add(cmp.Or(after, a.backoff()))
		if next.UnixMilli() < a.row.DeadlineAt {
			return a.retry(ctx, next, f)
		}
	}
	return a.fail(ctx, f.Code, f.Message)
}

// stopped is for an attempt whose process is being stopped. A message comes back by itself;
// where there is none, another attempt begins sooner if this one says that it is over.
func (a *attempt) stopped(ctx context.Context, cause error) error {
	if a.carried() || a.row.Attempt >= a.row.MaxAttempts {
		return a.keep(cause)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return a.retry(ctx, a.Clock.Now(), &streamer.Error{Code: protocol.Internal, Message: "the process of the request was stopped"})
}

func (a *attempt) hasEnded() bool {
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	return a.ended != nil
}

func (a *attempt) madeTicket() bool {
	a.busy <- struct{}{}
	defer func() { <-a.busy }()
	return a.silence != 0
}

// keep is the answer where someone else, or a later delivery, has to see to the request.
func (a *attempt) keep(err error) error {
	if a.remote() {
		return err
	}
	return fmt.Errorf("%w: %w", ErrKeep, err)
}

// lost reports whether a write was refused because someone else has the request.
func lost(err error) bool {
	_, refused := errors.AsType[*store.RefusedError](err)
	return refused
}

// failure is what a client may know of why the attempt failed, whether another one is
// asked for, and the wait before it if that is not the action's. Everything else is
// logged.
func (a *attempt) failure(ctx context.Context, cause, err error) (f *streamer.Error, after time.Duration) {
	if errors.Is(cause, streamer.ErrTimeout) {
		return &streamer.Error{Code: protocol.Timeout, Message: "the attempt took longer than its action allows", Retryable: true}, 0
	}
	f = &streamer.Error{Code: protocol.Internal, Message: "the request failed inside its handler"}
	if e, ok := streamer.AsError(err); ok {
		f.Code = protocol.Code(progress.Cut(string(cmp.Or(e.Code, protocol.Internal)), protocol.MaxCode))
		f.Message = progress.Cut(e.Message, protocol.MaxErrorMessage)
	} else {
		a.Log.ErrorContext(ctx, "handler failed", "request", a.delivery.Key.ID, "tenant", a.delivery.Key.Tenant,
			"action", a.row.Action, "attempt", a.row.Attempt, "error", err)
	}
	f.Retryable, after = streamer.RetryOf(err)
	return f, after
}

// backoff is the pause before the attempt after this one.
func (a *attempt) backoff() time.Duration {
	var b streamer.Backoff
	if entry, known := a.Registry.Lookup(a.row.Action); known {
		b = entry.Spec().Backoff
	}
	return b.Wait(a.row.Attempt, a.Random())
}

// settled is the answer for the message once the request is terminal.
func (a *attempt) settled(ctx context.Context) error {
	if a.told || !a.carried() { // then a processor tells those who do not know
		return nil
	}
	a.release()
	return a.untold(ctx, a.delivery, *a.ended)
}

func (a *attempt) fail(ctx context.Context, code protocol.Code, message string) error {
	tracing.Fail(trace.SpanFromContext(ctx), string(code))
	seq := a.session.Close()
	if err := a.end(ctx, lifecycle.Fail(a.row.Fence, code, message, seq, a.Clock.Now()), protocol.Failed, seq); err != nil {
		return a.keep(err)
	}
	return a.settled(ctx)
}

func (a *attempt) cancel(ctx context.Context) error {
	seq := a.session.Close()
	if err := a.end(ctx, lifecycle.Cancelled(a.row.Fence, seq, a.Clock.Now()), protocol.Cancelled, seq); err != nil {
		return a.keep(err)
	}
	return a.settled(ctx)
}

// goOn gives the request back, so that its attempt goes on in another function. What the
// row's stream says of that is the fresh hint, and the message is of no more use.
func (a *attempt) goOn(ctx context.Context) error {
	if a.row.Continuations >= streamer.MaxContinuations {
		return a.fail(ctx, protocol.ContinuationsExhausted, fmt.Sprintf("the work went on in a fresh function %d times, which is the most", a.row.Continuations))
	}
	return a.give(ctx, func(s lifecycle.State, now time.Time) lifecycle.Update {
		return lifecycle.Continue(a.row.Fence, s, now)
	}, func(stood lifecycle.Row) bool {
		return stood.Fence == a.row.Fence && stood.Continued()
	}, contract.MetricContinued)
}

// handOver gives the request to whoever has the ticket that the handler made.
func (a *attempt) handOver(ctx context.Context) error {
	return a.give(ctx, func(s lifecycle.State, now time.Time) lifecycle.Update {
		return lifecycle.HandOver(a.row.Fence, s, now, a.silence)
	}, func(stood lifecycle.Row) bool {
		return stood.Handed == a.row.Fence
	}, contract.MetricHandedOver)
}

// give gives the request away, to go on in another process, and the message is of no more
// use. given recognises the row that this very write left.
func (a *attempt) give(ctx context.Context, update func(lifecycle.State, time.Time) lifecycle.Update, given func(lifecycle.Row) bool, m contract.Metric) error {
	a.session.Close()
	u := update(a.session.State(), a.Clock.Now())
	row, err := a.write(ctx, u, given)
	if a.asked(err) {
		return a.cancel(ctx)
	}
	if err != nil {
		return a.keep(err)
	}
	a.Metrics.Add(m, metric.Labels{Action: a.row.Action}, 1)
	a.Log.InfoContext(ctx, "request goes on in another process", "request", a.delivery.Key.ID, "action", a.row.Action,
		"write", u.Name, "attempt", row.Attempt, "continuations", row.Continuations)
	a.session.Leave(ctx, row.Watchers, a.within(ctx, noteBudget))
	return nil
}

// asked reports whether a write was refused because the request was asked to stop.
func (a *attempt) asked(err error) bool {
	stood, refused := errors.AsType[*store.RefusedError](err)
	return refused && stood.Exists && stood.Row.Fence == a.row.Fence && stood.Row.CancelAt != 0
}

// retry ends the attempt and makes the message come back when the next one may start.
func (a *attempt) retry(ctx context.Context, next time.Time, f *streamer.Error) error {
	tracing.Fail(trace.SpanFromContext(ctx), string(f.Code))
	seq := a.session.Close()
	row, err := a.write(ctx, a.hinted(lifecycle.Retry(a.row.Fence, next, f.Code, f.Message)), func(stood lifecycle.Row) bool {
		return stood.Fence == a.row.Fence && stood.Status == protocol.Retrying
	})
	if a.asked(err) {
		return a.cancel(ctx)
	}
	if err != nil {
		return a.keep(err)
	}
	a.Metrics.Add(contract.MetricRetried, metric.Labels{Action: a.row.Action, Code: string(f.Code)}, 1)
	now := a.Clock.Now()
	a.session.End(ctx, protocol.RetryingFrame{
		Event:   protocol.Event{RequestID: a.delivery.Key.ID, Ref: a.row.Ref, Seq: seq, TS: now.UnixMilli()},
		Attempt: a.row.Attempt, NextAt: next.UnixMilli(), Code: f.Code,
	}, seq, row.Watchers, a.within(ctx, noteBudget))
	a.release()
	if !a.carried() {
		return nil
	}
	return a.later(ctx, a.delivery, next.Sub(a.Clock.Now()))
}
