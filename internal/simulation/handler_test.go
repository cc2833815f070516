package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/protocol"
)

// clocks are those that a stack has by default.
var clocks = executor.Clocks{
	Clocks:     progress.Clocks{Lease: 30 * time.Second, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond},
	Visibility: time.Minute,
}

// job is what a request asks for.
type job struct {
	Kind   string `json:"kind"`
	N      int    `json:"n"`
	Steps  int    `json:"steps"`
	StepMS int    `json:"step_ms"`
	Pad    string `json:"pad,omitempty"`
}

// outcome is what came of it: N and Seen tell whose it is.
type outcome struct {
	streamer.File
	N    int    `json:"n"`
	Seen string `json:"seen"`
	By   string `json:"by"`
	Pad  string `json:"pad,omitempty"`
}

// digest tells whether a handler saw what its client sent.
func digest(j job) string {
	h := fnv.New64a()
	h.Write(encode(j))
	return strconv.FormatUint(h.Sum64(), 36)
}

func (p *process) outcome(j job) outcome { return outcome{N: j.N, Seen: digest(j), By: p.name} }

// The ways in which a handler goes about it.
const (
	succeeds = "succeeds"
	silent   = "silent"   // returns nil without completing
	bursts   = "bursts"   // reports a lot
	large    = "large"    // has a result that is too large for the row
	filed    = "filed"    // has a result that names a file
	regrets  = "regrets"  // fails after it has completed
	flaky    = "flaky"    // fails at first, retryably
	fails    = "fails"    // fails for good
	trips    = "trips"    // panics at first
	panics   = "panics"   // panics each time
	overruns = "overruns" // takes longer than it may
	deaf     = "deaf"     // and does not heed its context either
	ailing   = "ailing"   // fails each time, retryably
	marathon = "marathon" // takes more than one function
	outside  = "outside"  // hands over to another process, which does it
	offloads = "offloads" // hands over to one that fails at first
	relays   = "relays"   // hands over to many, one after the other
)

var kinds = []string{succeeds, succeeds, succeeds, silent, bursts, large, large, filed, regrets, flaky, fails, trips, panics, overruns, deaf, ailing, marathon, marathon, outside, outside, offloads, relays}

// actions are declared as a stack's would be.
var actions = []streamer.Action[job, outcome]{
	{Name: "work", Async: true, Timeout: time.Minute, Attempts: 3},
	{Name: "long", Async: true, Timeout: 100 * time.Second, Attempts: 5},
	{Name: "once", Async: true, Timeout: 40 * time.Second, Attempts: 1},
}

// registry binds the actions for one process.
func registry(p *process) *streamer.Registry {
	var entries []streamer.Entry
	for _, a := range actions {
		entries = append(entries, a.Bind(p.work))
	}
	question := question
	if question.Async = p.w.bug.stores; question.Async {
		question.Attempts = 1
	}
	entries = append(entries, question.Bind(p.respond))
	r, err := streamer.NewRegistry(entries...)
	if err != nil {
		panic(err)
	}
	return r
}

// work is the handler.
func (p *process) work(ctx context.Context, req *streamer.Request[job], r streamer.Reporter[outcome]) error {
	j := req.Payload
	switch {
	case j.Kind == marathon:
		return p.marathon(ctx, req, r)
	case j.elsewhere() && p.kind != "remote":
		return p.handOver(ctx, req, r)
	}
	tag := fmt.Sprintf("work %s/%d ", short(req.ID), req.Attempt)
	step := time.Duration(j.StepMS) * time.Millisecond
	for i := range j.Steps {
		if p.sleep(ctx, step, fmt.Sprint(tag, i)) != nil {
			return context.Cause(ctx)
		}
		percentage := float64(100*(i+1)) / float64(j.Steps+1)
		if i%3 == 0 {
			r.Step(percentage, fmt.Sprint("step ", i))
		} else {
			r.Report(percentage, fmt.Sprint("step ", i))
		}
		for k := range 15 {
			if j.Kind != bursts || p.sleep(ctx, time.Millisecond, fmt.Sprint(tag, i, ".", k)) != nil {
				break
			}
			r.Report(percentage, fmt.Sprint("step ", i, ".", k))
		}
	}
	// What a handler reports last and how it ends are two steps, so that the seed decides
	// what comes between them.
	if p.sleep(ctx, 0, tag+"ends") != nil {
		return context.Cause(ctx)
	}
	result := p.outcome(j)
	switch j.Kind {
	case silent:
		return nil
	case large:
		result.Pad = strings.Repeat("x", protocol.MaxInline)
	case filed:
		file, err := req.Files.Put(ctx, "file.txt", "text/plain", strings.NewReader(j.Kind))
		if err != nil {
			return err
		}
		result.File = file
	case regrets:
		if err := r.Complete(result); err != nil {
			return err
		}
		return streamer.Errorf("LATE", "too late")
	case flaky, offloads:
		if req.Attempt == 1 {
			return &streamer.Error{Code: "BUSY", Message: "not now", Retryable: true}
		}
	case ailing:
		return fmt.Errorf("some service does not answer")
	case fails:
		return streamer.Errorf("BAD", "never")
	case trips, panics:
		if req.Attempt == 1 || j.Kind == panics {
			panic("oh")
		}
	case overruns:
		if p.sleep(ctx, 10*time.Minute, tag+"overruns") != nil {
			return context.Cause(ctx)
		}
	case deaf:
		_ = p.sleep(context.WithoutCancel(ctx), 115*time.Second, tag+"is deaf")
	}
	return r.Complete(result)
}

// leg is how far a marathon is.
type leg struct {
	At  int    `json:"at"`
	Pad string `json:"pad,omitempty"`
}

// marathon works for longer than any function may, and has one effect.
func (p *process) marathon(ctx context.Context, req *streamer.Request[job], r streamer.Reporter[outcome]) error {
	tag := fmt.Sprintf("run %s/%d ", short(req.ID), req.Attempt)
	state, _, err := streamer.Restore[leg](ctx)
	if err != nil {
		return err
	}
	state.Pad = strings.Repeat("s", []int{0, 2000, protocol.MaxInline}[req.Payload.N%3])
	if err := p.tell(ctx, 0, fmt.Sprint(tag, "from ", state.At), func() { p.w.restored(p, req.ID, state.At) }); err != nil {
		return context.Cause(ctx)
	}
	const legs = 14
	for ; state.At < legs; state.At++ {
		if err := streamer.Checkpoint(ctx, state); err != nil {
			return err
		}
		at := state.At
		if err := p.tell(ctx, 0, fmt.Sprint(tag, "saved ", at), func() { p.w.saved(req.ID, at) }); err != nil {
			return context.Cause(ctx)
		}
		if at == legs/2 {
			charge, err := streamer.Once(ctx, "charge", func(ctx context.Context) (string, error) {
				return p.name, p.sleep(ctx, time.Second, tag+"charges")
			})
			if err != nil {
				return err
			}
			if p.tell(ctx, 0, tag+"charged by "+charge, func() { p.w.charged(req.ID, charge) }) != nil {
				return context.Cause(ctx)
			}
		}
		r.Report(float64(100*at)/legs, fmt.Sprint("leg ", at))
		if p.sleep(ctx, 3*time.Second+time.Duration(req.Payload.StepMS)*time.Millisecond, fmt.Sprint(tag, at)) != nil {
			return context.Cause(ctx)
		}
	}
	return r.Complete(p.outcome(req.Payload))
}

// expected is how a request ends where nothing goes wrong.
func expected(kind string, most int) (status protocol.Status, code protocol.Code, attempt int) {
	switch kind {
	case flaky, offloads:
		if most == 1 {
			return protocol.Failed, "BUSY", 1
		}
		return protocol.Completed, "BUSY", 2
	case trips:
		if most == 1 {
			return protocol.Failed, protocol.Internal, 1
		}
		return protocol.Completed, protocol.Internal, 2
	case fails:
		return protocol.Failed, "BAD", 1
	case panics, ailing:
		return protocol.Failed, protocol.Internal, most
	case overruns, deaf:
		return protocol.Failed, protocol.Timeout, most
	}
	return protocol.Completed, "", 1
}
