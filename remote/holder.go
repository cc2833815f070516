package remote

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.opentelemetry.io/otel"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/internal/tracing"
)

// holder is a process that holds a ticket.
type holder struct {
	*executor.Executor
	ticket ticket.Ticket
	owner  string
	flush  func(context.Context)
}

// hold reads a ticket and makes the engine of the stage that it names.
func (c Config) hold(text string) (*holder, error) {
	t, err := ticket.Parse(text)
	if err != nil {
		return nil, err
	}
	if c.AWS.Region == "" {
		return nil, errors.New("remote: Config.AWS has no region: load it with package config of the AWS SDK, or set it")
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	metrics, flush := metric.To(c.Metrics, t.Stage.RequestsTable, log)
	tables := dynamodb.NewFromConfig(c.AWS)
	poster := apigatewaymanagementapi.NewFromConfig(c.AWS, func(o *apigatewaymanagementapi.Options) { o.BaseEndpoint = &t.Stage.CallbackURL })
	return &holder{
		ticket: t, owner: "remote-" + rand.Text(), flush: flush,
		Executor: &executor.Executor{
			Requests: store.DynamoRequests{Client: tables, Table: t.Stage.RequestsTable},
			Files:    files.Bucket{Client: s3.NewFromConfig(c.AWS), Name: t.Stage.FilesBucket},
			Connections: &connection.Manager{
				Poster: poster, Forget: store.DynamoConnections{Client: tables, Table: t.Stage.ConnectionsTable}, Metrics: metrics, Log: log,
			},
			Clock: clock.System{}, Clocks: executor.Clocks{Clocks: t.Clocks}, Random: mathrand.Float64, Tracer: otel.Tracer(tracing.Scope),
			Audit: audit.To(c.Audit), Metrics: metrics, Log: log,
		},
	}, nil
}

// run takes the attempt over and runs its handler.
func (h *holder) run(ctx context.Context, handlers ...streamer.Binding) error {
	entries := make([]streamer.Entry, len(handlers))
	for i, handler := range handlers {
		entries[i] = handler
	}
	var err error
	if h.Registry, err = streamer.NewRegistry(entries...); err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	if _, bound := h.Registry.Binding(h.ticket.Action); !bound {
		return fmt.Errorf("remote: the ticket is for action %q, which has no handler here", h.ticket.Action)
	}
	return h.done(ctx, h.TakeOver(ctx, h.ticket.Ticket, h.owner))
}

// runAny is run for a handler of any action.
func (h *holder) runAny(ctx context.Context, handler streamer.Handler[json.RawMessage, json.RawMessage]) error {
	return h.run(ctx, streamer.Action[json.RawMessage, json.RawMessage]{Name: h.ticket.Action, Async: true}.Bind(handler))
}

// report takes the attempt over and says how far it is.
func (h *holder) report(ctx context.Context, percentage float64, message string) error {
	h.Registry = &streamer.Registry{} // no handler runs
	return h.done(ctx, h.Report(ctx, h.ticket.Ticket, h.owner, percentage, message))
}

func (h *holder) done(ctx context.Context, err error) error {
	h.flush(ctx)
	if err != nil {
		return fmt.Errorf("request %s: %w", h.ticket.Key.ID, err)
	}
	return nil
}
