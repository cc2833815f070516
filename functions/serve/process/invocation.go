package process

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start runs a function that measures. probes look at what it uses.
func Start(handler any, probes ...Probe) {
	lambda.Start(invocation{lambda.NewHandler(handler), Metrics(), Logger(), probes})
}

// invocation is a handler that writes what it measured at the end of each invocation,
// also of one that fails or panics.
type invocation struct {
	lambda.Handler
	metrics interface{ Flush() error }
	log     *slog.Logger
	probes  []Probe
}

// Invoke implements lambda.Handler.
func (i invocation) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	defer func() {
		if err := i.metrics.Flush(); err != nil {
			i.log.ErrorContext(ctx, "metrics not written", "error", err)
		}
	}()
	if ev, asked := question(payload); asked {
		return nil, i.answer(ctx, ev)
	}
	return i.Handler.Invoke(ctx, payload)
}
