package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/functions/reconciler"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	streamerqueue "github.com/pay-theory/streamer/internal/queue"
)

// The queue's settings, as the constructs make them, around a function that may take so
// long.
const (
	functionTime = 3 * time.Minute
	visibility   = functionTime + time.Minute
	maxReceive   = 50
)

// queue is SQS with its event source mapping: one message an invocation, delivered at
// least once and in no order.
type queue struct {
	messages []*message
}

type message struct {
	id, body string
	key      lifecycle.Key
	visible  time.Time
	receives int
	handle   string
	deleted  bool
}

// work is the queue as one process reaches it.
type work struct{ p *process }

// Send implements dispatcher.Sender.
func (q work) Send(ctx context.Context, hints []streamerqueue.Hint) error {
	w := q.p.w
	what := "send"
	for _, h := range hints {
		what += " " + short(h.Key.ID)
	}
	_, err := ask(q.p, ctx, toQueue, what, 0, func() (struct{}, error) {
		if w.bug.sendsLost && w.chance(0.2) {
			return struct{}{}, nil
		}
		for i, h := range hints {
			if i > 0 && w.chance(w.plan.odds[failed]) {
				return struct{}{}, fmt.Errorf("send hints: %d of %d refused", len(hints)-i, len(hints))
			}
			body, err := streamerqueue.Encode(h.Key)
			if err != nil {
				return struct{}{}, err
			}
			m := &message{id: fmt.Sprint("m", len(w.queue.messages)+1), body: body, key: h.Key}
			w.queue.messages = append(w.queue.messages, m)
			w.queue.show(w, m, w.now().Add(w.between(5*time.Millisecond, 300*time.Millisecond)))
		}
		return struct{}{}, nil
	})
	if w.bug.sendsIgnored {
		return nil
	}
	return err
}

// Hold implements executor.Queue.
func (q work) Hold(ctx context.Context, handle string, d time.Duration) error {
	w := q.p.w
	_, err := ask(q.p, ctx, toQueue, fmt.Sprint("hold ", handle, " ", d.Round(time.Second)), 0, func() (struct{}, error) {
		for _, m := range w.queue.messages {
			if m.deleted || m.receives == 0 || !m.had(handle) {
				continue
			}
			if m.handle != handle && !w.chance(w.plan.staleHold) {
				break
			}
			if m.handle != handle {
				w.saw("world stale hold")
			}
			w.queue.show(w, m, w.now().Add(d+time.Second))
			return struct{}{}, nil
		}
		return struct{}{}, errors.New("hold message: the handle is not valid")
	})
	return err
}

// had reports whether a handle is one of the message's.
func (m *message) had(handle string) bool {
	return len(handle) > len(m.id) && handle[:len(m.id)+1] == m.id+"/"
}

// show makes a message visible at a moment.
func (q *queue) show(w *world, m *message, at time.Time) {
	m.visible = at
	w.at(at.Add(w.between(time.Millisecond, 100*time.Millisecond)), func() { q.deliver(w, m) })
}

// deliver gives a visible message to a processor.
func (q *queue) deliver(w *world, m *message) {
	if !w.now().Before(m.visible) {
		q.invoke(w, m)
	}
}

// invoke runs a processor on a message, visible or not: now and then one is delivered to
// two at once.
func (q *queue) invoke(w *world, m *message) {
	if m.deleted {
		return
	}
	if m.receives == maxReceive {
		w.note("queue", m.id+" goes to the dead letters", "")
		m.deleted = true
		w.forsake(m.key.PK())
		return
	}
	m.receives++
	m.handle = fmt.Sprint(m.id, "/", m.receives)
	q.show(w, m, w.now().Add(visibility))
	if w.chance(w.plan.messageTwice) {
		w.saw("world message twice")
		w.in([]time.Duration{w.between(0, 20*time.Millisecond), w.between(0, time.Minute)}[w.dice.IntN(2)], func() { q.invoke(w, m) })
	}
	if w.bug.deletesFirst {
		m.deleted = true
	}
	handle, misplaced := m.handle, w.chance(w.plan.misplaced)
	if misplaced {
		w.saw("world misplaced")
	}
	w.note("queue", m.id+" of "+short(m.key.ID)+" is delivered", handle)
	w.start("processor", functionTime, func(ctx context.Context, p *process) func() {
		f := w.processor(p, misplaced)
		out, err := f.Handle(ctx, events.SQSEvent{Records: []events.SQSMessage{{MessageId: m.id, ReceiptHandle: handle, Body: m.body}}})
		done := err == nil && out.BatchItemFailures != nil && (len(out.BatchItemFailures) == 0 || w.bug.keepsNothing)
		return func() {
			w.in(w.between(time.Millisecond, 50*time.Millisecond), func() {
				if done {
					q.delete(w, m, handle)
				}
			})
		}
	}, nil)
}

// delete is what the event source mapping does with a message that is done.
func (q *queue) delete(w *world, m *message, handle string) {
	how := "deleted"
	switch {
	case m.deleted:
		how = "deleted before"
	case w.chance(w.plan.deleteLost):
		how = "NOT DELETED"
		w.saw("world delete lost")
	case m.handle == handle:
		m.deleted = true
	case w.chance(w.plan.staleDelete):
		m.deleted = true
		how = "DELETED WITH AN OLD HANDLE"
		w.saw("world stale delete")
		w.forsake(m.key.PK())
	default:
		how = "not deleted: an old handle"
	}
	w.note("queue", handle, how)
}

// processor is the function behind the queue, in one process. The actions may be those of
// another worker than this one.
func (w *world) processor(p *process, misplaced bool) processor.Processor {
	return processor.Processor{
		Executor: &executor.Executor{
			Registry: registry(p), Elsewhere: func(string) bool { return misplaced }, Requests: table{w.table.Memory, p}, Files: w.filesOf(), Connections: w.manager(p), Queue: work{p}, Stage: stage,
			Clock: p, Clocks: clocks, Random: p.random.Float64, Metrics: metric.None{}, Log: w.log.With("process", p.name),
		},
		Metrics: metric.None{}, Log: w.log.With("process", p.name),
	}
}

func (w *world) manager(p *process) *connection.Manager {
	return &connection.Manager{Poster: poster{p}, Forget: connections{p}, Metrics: metric.None{}, Log: w.log}
}

// reconcile runs the reconciler every five minutes.
func (w *world) reconcile() {
	if w.asleep {
		return
	}
	w.in(5*time.Minute, w.reconcile)
	w.start("reconciler", time.Minute, func(ctx context.Context, p *process) func() {
		r := reconciler.Reconciler{Requests: table{w.table.Memory, p}, Connections: connections{p}, Queue: work{p}, Clock: p, Metrics: metric.None{}, Log: w.log}
		err := r.Handle(ctx)
		return func() {
			if err != nil {
				w.note(p.name, "fails", err.Error())
			}
		}
	}, nil)
}
