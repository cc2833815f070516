package queue

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer/internal/tracing"
)

// Sender puts hints into the queues of their actions.
type Sender interface {
	Send(ctx context.Context, hints []Hint) error
}

// Traced is a sender whose hints carry on the traces of their requests: each has a span of
// its own, and names that one. Those without a trace stay as they are.
type Traced struct {
	Sender
	Tracer trace.Tracer
}

// Send implements Sender.
func (t Traced) Send(ctx context.Context, hints []Hint) error {
	hints, began := slices.Clone(hints), time.Now()
	var spans []trace.Span
	for i, h := range hints {
		of, span := tracing.Join(tracing.Under(ctx, h.Trace), t.Tracer, "streamer.send", trace.SpanKindProducer, began)
		if !span.IsRecording() {
			continue
		}
		span.SetAttributes(tracing.OfQueue("send", "")...)
		span.SetAttributes(tracing.Request.String(h.Key.ID), tracing.Tenant.String(h.Key.Tenant), tracing.Action.String(h.Action))
		hints[i].Trace = tracing.Header(of)
		spans = append(spans, span)
	}
	err := t.Sender.Send(ctx, hints)
	for _, span := range spans {
		if err != nil {
			tracing.Fail(span, "send")
		}
		span.End()
	}
	return err
}
