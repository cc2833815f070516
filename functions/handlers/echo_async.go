package handlers

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
)

// Bounds and defaults of EchoAsync.
const (
	// MaxEchoDuration is the longest echo, in milliseconds: ten minutes, which a
	// processor can do within one attempt.
	MaxEchoDuration = 600_000
	// MaxEchoSteps is how many steps it can be cut into.
	MaxEchoSteps = 1_000

	defaultEchoDuration = 5_000
	defaultEchoSteps    = 5
)

// EchoAsync is the async sample: it takes its time, says how far it is after each of
// its steps, and gives the message back.
var EchoAsync = streamer.Action[EchoAsyncIn, EchoAsyncOut]{Name: "echo_async", Async: true}

// EchoAsyncIn is the payload of EchoAsync.
type EchoAsyncIn struct {
	// Message is what comes back.
	Message string `json:"message"`
	// DurationMS is how long it takes, 0 to MaxEchoDuration milliseconds; 5,000 if it
	// is absent.
	DurationMS *int `json:"duration_ms,omitempty"`
	// Steps is how many equal steps it takes, 1 to MaxEchoSteps; 5 if it is absent.
	Steps *int `json:"steps,omitempty"`
}

// EchoAsyncOut is the result of EchoAsync.
type EchoAsyncOut struct {
	Message string `json:"message"`
}

// Validate fills in the defaults and refuses what is out of bounds.
func (in *EchoAsyncIn) Validate() error {
	if in.DurationMS == nil {
		in.DurationMS = new(defaultEchoDuration)
	}
	if in.Steps == nil {
		in.Steps = new(defaultEchoSteps)
	}
	if d := *in.DurationMS; d < 0 || d > MaxEchoDuration {
		return streamer.Invalid("duration_ms", "%d is not 0 to %d milliseconds", d, MaxEchoDuration)
	}
	if s := *in.Steps; s < 1 || s > MaxEchoSteps {
		return streamer.Invalid("steps", "%d is not 1 to %d", s, MaxEchoSteps)
	}
	return nil
}

// EchoAsyncHandler does EchoAsync. Its steps end at even times from its start, however
// long a report takes.
func EchoAsyncHandler(ctx context.Context, req *streamer.Request[EchoAsyncIn], r streamer.Reporter[EchoAsyncOut]) error {
	start := time.Now()
	duration := time.Duration(*req.Payload.DurationMS) * time.Millisecond
	steps := *req.Payload.Steps
	for step := 1; step <= steps; step++ {
		if err := sleepUntil(ctx, start.Add(duration*time.Duration(step)/time.Duration(steps))); err != nil {
			return err
		}
		r.Step(100*float64(step)/float64(steps), fmt.Sprintf("Step %d of %d", step, steps))
	}
	return r.Complete(EchoAsyncOut{Message: req.Payload.Message})
}

// sleepUntil returns what ended ctx if that comes first.
func sleepUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
