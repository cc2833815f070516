// Package executor takes one queue message and does what it asks for: claims its
// request, runs the handler while lease and message are kept alive, records the outcome
// and tells everyone who watches.
//
// # Design
//
// The message is only a hint. Deliver returns nil exactly when nothing more can come of
// it, and then it is deleted; ErrKeep leaves it in the queue, to come back at the time
// that was set on it. The message that a claim came with, the carrier, is deleted only
// once everyone was told, so a worker may die at any point and the request goes on.
//
// An attempt may take more than one run. When its handler saves a state and the next step
// might not fit into what is left of the function, it is told to return, and the request
// is given back in one update: it waits like a new one, so its own stream record is the
// fresh hint, and the message is deleted with nobody told anything. Whoever claims it goes
// on with the same attempt. A state is kept before the handler hears of it, so it is there
// for the next attempt too if the function dies instead.
//
// A hint may lie in another queue than that of the worker whose the action is by now: a
// deployment moved the action while the request waited. The request is claimed and settled
// all the same, since only this message brings it back; but its handler is not run, which
// may not be here, or needs more memory or another network than there is. The attempt goes
// on in another function, as above, and the dispatcher sends the fresh hint where it
// belongs.
//
// A handler may hand its attempt over to compute outside, which goes on with it by the same
// code in another process: see TakeOver. No message stands behind that one, so the record
// that its end leaves in the table's stream is the hint by which a processor tells
// everyone, unless it could say by then that they were told. So it is with an attempt whose
// claim came after the hold on its message had run out, and with a request that ends
// because nobody may work on it any more: another worker may have deleted the message.
package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/redact"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// ErrKeep says that the message must stay in the queue.
var ErrKeep = errors.New("the message stays in the queue")

const (
	// tellBudget is how long a terminal frame that is not taken is tried again at once;
	// after it the message comes back every retell, as often as lifecycle allows.
	tellBudget = 10 * time.Second
	retell     = 30 * time.Second
	// noteBudget is the same for a frame that is not terminal.
	noteBudget = 2 * time.Second
	// reserve is what is left of the function's time to record an outcome.
	reserve = 10 * time.Second
	// spare is what a run leaves unused at its end, besides the time of a step, when it
	// may go on in another one: a tenth of a short one at most.
	spare = 10 * time.Second
	// rowRoom is how many bytes of JSON the row has room for, payload and state together:
	// pulses rewrite it, and DynamoDB bills an update by the size of the whole item.
	rowRoom = 200
	// grace is how long a handler may go on after its context has ended.
	grace = 2 * time.Second
	// callTimeout bounds one call to the table, so that one that hangs is made again.
	callTimeout = 5 * time.Second
	// parting is what is left of the function's time to say what becomes of the message.
	parting = 2 * time.Second
	// writePause is the time between two tries of a write that the table did not answer.
	writePause = 200 * time.Millisecond
)

// Queue holds messages back.
type Queue interface {
	// Hold makes a message invisible to everyone else from now on for d. It fails if the
	// message has been deleted or delivered to someone else since.
	Hold(ctx context.Context, handle string, d time.Duration) error
}

// Files is what the executor needs of the files bucket.
type Files interface {
	view.Linker
	Of(key lifecycle.Key) streamer.Files
	PutDocument(ctx context.Context, key string, doc []byte) (hash []byte, err error)
	Document(ctx context.Context, key string, hash []byte) ([]byte, error)
}

// Clocks are the engine's times.
type Clocks struct {
	progress.Clocks
	// Visibility is how long a message is held each time, renewed at half of it.
	Visibility time.Duration
}

// Executor runs requests. All fields must be set, but for Elsewhere, Tracer and Audit, and
// but for Queue where there are no deliveries.
type Executor struct {
	Registry *streamer.Registry
	// Elsewhere reports whether an action is another worker's. Nil: none is.
	Elsewhere   func(action string) bool
	Requests    store.Requests
	Files       Files
	Connections streamer.ConnectionManager
	Queue       Queue
	// Stage is where this Streamer is, for those to whom a handler hands its request over.
	Stage  ticket.Stage
	Clock  clock.Clock
	Clocks Clocks
	// Random is uniform in [0, 1): the jitter.
	Random func() float64
	// Tracer is that of the process. Nil: nothing is traced.
	Tracer  trace.Tracer
	Audit   audit.Log
	Metrics metric.Recorder
	Log     *slog.Logger
}

// Delivery is one queue message; in a process that took an attempt over there is none.
type Delivery struct {
	Key lifecycle.Key
	// Message is the message's id, the same at each delivery; Handle is this delivery's, and
	// empty where there is no message.
	Message string
	Handle  string
	// Owner names this invocation.
	Owner string
	// Sent is when the message was sent, if it is delivered for the first time; else zero.
	Sent time.Time
}

// Deliver does what a message asks for. Any error means that the message must stay.
func (e *Executor) Deliver(ctx context.Context, d Delivery) error {
	held := e.Clock.Now()
	if err := e.Queue.Hold(ctx, d.Handle, e.Clocks.Visibility); err != nil {
		return fmt.Errorf("%w: %w", ErrKeep, err)
	}
	now := e.Clock.Now()
	row, err := e.claim(ctx, d, now)
	if err == nil {
		return e.run(ctx, e.known(d, held), row, now)
	}
	stood, refused := errors.AsType[*store.RefusedError](err)
	if !refused {
		return fmt.Errorf("%w: %w", ErrKeep, err)
	}
	verdict, until, reason := lifecycle.Settle(stood.Row, stood.Exists, d.Message, d.Owner, now)
	switch verdict {
	case lifecycle.Own:
		return e.run(ctx, e.known(d, held), stood.Row, now)
	case lifecycle.Wait:
		return e.later(ctx, d, until.Sub(now))
	case lifecycle.Tell:
		ctx, span := e.join(ctx, d, stood.Row, "streamer.settle", now)
		defer span.End()
		return e.tell(ctx, d, stood.Row)
	case lifecycle.Finish:
		ctx, span := e.join(ctx, d, stood.Row, "streamer.settle", now)
		defer span.End()
		row, err := e.update(ctx, d.Key, lifecycle.Notify(lifecycle.End(stood.Row, reason, d.Message, now)))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrKeep, err) // it moved: look again
		}
		e.ended(ctx, row)
		return e.tell(ctx, d, row)
	}
	return nil
}

// known is a delivery without its message if nobody knows whether that is still there: the
// hold had run out before the claim was made, so another worker may have deleted it.
func (e *Executor) known(d Delivery, held time.Time) Delivery {
	if e.Clock.Now().Sub(held) >= e.Clocks.Visibility {
		d.Handle = ""
	}
	return d
}

// claim takes the request for a new attempt, or for one that goes on.
func (e *Executor) claim(ctx context.Context, d Delivery, now time.Time) (lifecycle.Row, error) {
	row, err := e.take(ctx, d, lifecycle.Claim(d.Message, d.Owner, now, e.Clocks.Lease))
	if stood, refused := errors.AsType[*store.RefusedError](err); refused && stood.Row.Continued() {
		return e.take(ctx, d, lifecycle.Resume(stood.Row.Fence, d.Message, d.Owner, now, e.Clocks.Lease))
	}
	return row, err
}

// take asks a second time if the table does not answer: an attempt is lost with a claim
// that was made and not heard of.
func (e *Executor) take(ctx context.Context, d Delivery, u lifecycle.Update) (lifecycle.Row, error) {
	row, err := e.update(ctx, d.Key, u)
	if err == nil || lost(err) {
		return row, err
	}
	e.Log.WarnContext(ctx, "claim not answered", "request", d.Key.ID, "error", err)
	return e.update(ctx, d.Key, u)
}

// update is one call to the table.
func (e *Executor) update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	call, span := tracing.Start(call, u.Name)
	defer span.End()
	return e.Requests.Update(call, key, u)
}

// later keeps the message and makes it come back after d.
func (e *Executor) later(ctx context.Context, d Delivery, wait time.Duration) error {
	if err := e.Queue.Hold(ctx, d.Handle, max(wait, 0)); err != nil {
		return fmt.Errorf("%w: %w", ErrKeep, err)
	}
	return ErrKeep
}

// tell posts the terminal frame of a request to everyone who watches it.
func (e *Executor) tell(ctx context.Context, d Delivery, row lifecycle.Row) error {
	frame, err := view.Terminal(ctx, row, e.Files, e.Clock.Now())
	if err != nil {
		e.Log.ErrorContext(ctx, "terminal frame not made", "request", d.Key.ID, "error", err)
		return e.untold(ctx, d, row)
	}
	e.record(ctx, row)
	told := progress.Tell(ctx, e.Clock, e.Connections, row, frame, e.within(ctx, tellBudget))
	if e.redact(ctx, row) && told {
		e.told(ctx, row)
		return nil
	}
	return e.untold(ctx, d, row)
}

// redact takes the payload out of sight, and reports whether that is done. If it is not, it
// counts as if not everyone was told.
func (e *Executor) redact(ctx context.Context, row lifecycle.Row) bool {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := redact.Ended(call, e.Requests, e.Files, row); err != nil {
		e.Log.WarnContext(ctx, "payload not redacted yet", "request", row.Key().ID, "error", err)
		return false
	}
	return true
}

// record says that the end of a request goes out to those who watch.
func (e *Executor) record(ctx context.Context, row lifecycle.Row) {
	if len(row.Watchers) > 0 {
		e.Audit.Write(ctx, audit.Record{
			Verb: audit.Deliver, Outcome: audit.Accepted, Tenant: row.Key().Tenant, Subject: row.User,
			Request: row.Key().ID, Action: row.Action, Link: view.LinkedKey(row),
		})
	}
}

// told says so in the row if its end was a hint. One that is not heard of tells everyone
// once more.
func (e *Executor) told(ctx context.Context, row lifecycle.Row) {
	if row.Notice != contract.NoticeDue {
		return
	}
	if _, err := e.update(ctx, row.Key(), lifecycle.Told(row)); err != nil {
		e.Log.WarnContext(ctx, "not marked as told", "request", row.Key().ID, "error", err)
	}
}

// within is budget, or what the function can spare if that is less.
func (e *Executor) within(ctx context.Context, budget time.Duration) time.Duration {
	if end, limited := ctx.Deadline(); limited {
		return min(budget, end.Sub(e.Clock.Now())-parting)
	}
	return budget
}

// untold counts that not everyone was told and makes the message come back.
func (e *Executor) untold(ctx context.Context, d Delivery, row lifecycle.Row) error {
	if _, err := e.update(ctx, d.Key, lifecycle.Repost(row)); err != nil {
		e.Log.WarnContext(ctx, "repost not counted", "request", d.Key.ID, "error", err)
	}
	return e.later(ctx, d, retell)
}

// ended records what became of a request.
func (e *Executor) ended(ctx context.Context, row lifecycle.Row) {
	how := map[protocol.Status]contract.Metric{
		protocol.Completed: contract.MetricCompleted,
		protocol.Failed:    contract.MetricFailed,
		protocol.Cancelled: contract.MetricCancelled,
	}[row.Status]
	of, took := metric.Labels{Action: row.Action, Code: string(row.Code), Tenant: row.Key().Tenant}, row.EndedAt-row.CreatedAt
	e.Metrics.Add(how, of, 1)
	e.Metrics.Value(contract.MetricDuration, of, took)
	e.Log.InfoContext(ctx, "request ended", "request", row.Key().ID, "tenant", row.Key().Tenant, "action", row.Action,
		"status", row.Status, "attempt", row.Attempt, "code", row.Code, "ms", took)
}

// payload reads the input of a request, wherever it is kept.
func (e *Executor) payload(ctx context.Context, row lifecycle.Row) (json.RawMessage, error) {
	switch row.PayloadAt {
	case lifecycle.PlaceItem:
		p, err := e.Requests.Payload(ctx, row.Key(), row.Hash)
		return json.RawMessage(p), err
	case lifecycle.PlaceObject:
		return e.Files.Document(ctx, view.PayloadKey(row.Key(), row.Hash), row.Hash)
	}
	return json.RawMessage(row.Payload), nil
}
