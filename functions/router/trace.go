package router

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/protocol"
)

// traced ends the span of a message, which is answered with frame.
func traced(ctx context.Context, c call, frame protocol.Frame) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(tracing.OfMessage()...)
	span.SetAttributes(tracing.Action.String(clip(c.Action)), tracing.Tenant.String(c.Tenant), tracing.Frame.String(string(frame.Type())))
	if id := requestOf(frame); id != "" {
		span.SetAttributes(tracing.Request.String(id))
	}
	if f, refused := frame.(protocol.Error); refused {
		tracing.Fail(span, string(f.Code))
	}
	span.End()
}
