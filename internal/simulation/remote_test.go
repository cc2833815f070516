package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/ticket"
)

// silence is how long a process outside may be silent.
const silence = 40 * time.Second

// stage is where tickets say that this Streamer is.
var stage = ticket.Stage{ConnectionsTable: "connections", RequestsTable: "requests", FilesBucket: "files", CallbackURL: "https://api.example/v1"}

// elsewhere reports whether a job is done by another process than its handler's.
func (j job) elsewhere() bool { return j.Kind == outside || j.Kind == offloads || j.Kind == relays }

// handOver is the handler of what is done outside: it starts a task and is done.
func (p *process) handOver(ctx context.Context, req *streamer.Request[job], r streamer.Reporter[outcome]) error {
	text, err := streamer.HandOver(ctx, silence)
	if err != nil {
		return err
	}
	t, err := ticket.Parse(text)
	if err != nil {
		return err
	}
	tag := fmt.Sprintf("hand over %s/%d ", short(req.ID), req.Attempt)
	// Only then a report: the first pulse may be due at the moment when the handler begins,
	// and the seed decides whether it has the report already.
	if p.tell(ctx, 0, tag+"starts", func() { p.w.task(t, req.Payload) }) != nil {
		return context.Cause(ctx)
	}
	r.Report(1, "starts a task")
	// The task may be quicker than its handler.
	if p.sleep(ctx, time.Duration(req.Payload.StepMS)*time.Millisecond/4, tag+"returns") != nil {
		return context.Cause(ctx)
	}
	return nil
}

// task starts a process for a ticket, or now and then two, or one that is late.
func (w *world) task(t ticket.Ticket, j job) {
	if w.chance(w.plan.messageTwice) {
		w.saw("world task twice")
		w.in(w.between(0, 10*time.Second), func() { w.remote(t, j, 0) })
	}
	start := w.between(0, 5*time.Second)
	if w.chance(w.plan.recordLost) {
		w.saw("world task late")
		start = w.between(silence/2, 4*silence)
	}
	w.in(start, func() { w.remote(t, j, 0) })
}

// remote is a process that has a ticket. One that dies is started again, as often as not.
// Of those that relay a job each says how far it is, and the last one ends it.
func (w *world) remote(t ticket.Ticket, j job, leg int) {
	w.start("remote", 20*time.Minute, func(ctx context.Context, p *process) func() {
		e := &executor.Executor{
			Registry: registry(p), Requests: table{w.table.Memory, p}, Files: w.filesOf(), Connections: w.manager(p),
			Clock: p, Clocks: executor.Clocks{Clocks: t.Clocks}, Random: p.random.Float64, Metrics: metric.None{}, Log: w.log.With("process", p.name),
		}
		owner := p.name
		if j.Kind == relays && leg < j.Steps {
			err := e.Report(ctx, t.Ticket, owner, float64(100*(leg+1))/float64(j.Steps+1), fmt.Sprint("leg ", leg))
			return func() {
				if err == nil {
					w.in(time.Duration(j.StepMS)*time.Millisecond, func() { w.remote(t, j, leg+1) })
					return
				}
				w.note(p.name, "is done", err.Error())
			}
		}
		err := e.TakeOver(ctx, t.Ticket, owner)
		return func() {
			if err != nil {
				w.note(p.name, "is done", err.Error())
			}
		}
	}, func() {
		if w.dice.IntN(2) == 0 {
			w.saw("world task again")
			w.in(w.between(time.Second, 30*time.Second), func() { w.remote(t, j, leg) })
		}
	})
}
