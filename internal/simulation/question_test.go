package simulation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// question is the sync action.
var question = streamer.Action[job, outcome]{Name: "question", Timeout: 5 * time.Second}

// answers are the ways in which its handler goes about it, refusals the codes that its
// client is told of those that come to nothing.
var (
	answers  = []string{succeeds, succeeds, succeeds, regrets, large, fails, flaky, panics, overruns}
	refusals = map[string]protocol.Code{
		large: protocol.ResultTooLarge, fails: "BAD", flaky: "BUSY", panics: protocol.Internal, overruns: protocol.Timeout,
	}
)

// respond is its handler.
func (p *process) respond(ctx context.Context, req *streamer.Request[job], r streamer.Reporter[outcome]) error {
	j := req.Payload
	if p.sleep(ctx, time.Duration(j.StepMS/10)*time.Millisecond, fmt.Sprint("question ", j.N)) != nil {
		return context.Cause(ctx)
	}
	result := p.outcome(j)
	switch j.Kind {
	case large:
		result.Pad = strings.Repeat("x", protocol.MaxFrame)
	case fails:
		return streamer.Errorf("BAD", "never")
	case flaky:
		return &streamer.Error{Code: "BUSY", Message: "not now", Retryable: true}
	case panics:
		panic("oh")
	case regrets:
		if err := r.Complete(result); err != nil {
			return err
		}
		return streamer.Errorf("LATE", "too late")
	case overruns:
		if p.sleep(ctx, time.Minute, fmt.Sprint("question ", j.N, " overruns")) != nil {
			return context.Cause(ctx)
		}
	}
	return r.Complete(result)
}
