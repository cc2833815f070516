package serve

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
)

// start runs a function that measures.
func start(handler any) {
	lambda.Start(invocation{lambda.NewHandler(handler), metrics(), logger()})
}

// invocation is a handler that writes what it measured at the end of each invocation,
// also of one that fails or panics.
type invocation struct {
	lambda.Handler
	metrics interface{ Flush() error }
	log     *slog.Logger
}

// Invoke implements lambda.Handler.
func (i invocation) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	defer func() {
		if err := i.metrics.Flush(); err != nil {
			i.log.ErrorContext(ctx, "metrics not written", "error", err)
		}
	}()
	return i.Handler.Invoke(ctx, payload)
}
