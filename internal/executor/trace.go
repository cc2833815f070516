package executor

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/protocol"
)

// join begins the part that this process has in the trace of a request, at a moment: below
// the hint's sender, or below the message that brought the request in, where no hint tells
// of one.
func (e *Executor) join(ctx context.Context, d Delivery, row lifecycle.Row, name string, at time.Time) (context.Context, trace.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		ctx = tracing.Under(ctx, row.Trace)
	}
	if !d.Sent.IsZero() {
		_, waited := tracing.Join(ctx, e.Tracer, "streamer.queue", trace.SpanKindConsumer, d.Sent)
		if waited.IsRecording() {
			waited.SetAttributes(tracing.OfQueue("receive", d.Message)...)
		}
		waited.End(trace.WithTimestamp(at))
	}
	ctx, span := tracing.Join(ctx, e.Tracer, name, trace.SpanKindConsumer, at)
	if span.IsRecording() {
		span.SetAttributes(tracing.Request.String(d.Key.ID), tracing.Tenant.String(d.Key.Tenant), tracing.Action.String(row.Action),
			tracing.Attempt.Int(row.Attempt), tracing.OfRun(d.Owner))
		if d.Message != "" {
			span.SetAttributes(tracing.OfQueue("process", d.Message)...)
		}
	}
	return ctx, span
}

// claim adds to the span of an attempt how it was claimed, from a moment until now.
func claim(ctx context.Context, from time.Time) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		_, part := span.TracerProvider().Tracer(tracing.Scope).Start(ctx, "claim", trace.WithTimestamp(from))
		part.End()
	}
}

// traced adds what became of an attempt to its span, and ends it.
func (a *attempt) traced(span trace.Span) {
	if !span.IsRecording() {
		return
	}
	told := a.session.Tally()
	span.SetAttributes(tracing.Posted.Int(told.Posted), tracing.Coalesced.Int(told.Coalesced()), tracing.Gone.Int(told.Gone), tracing.Untaken.Int(told.Untaken))
	a.busy <- struct{}{}
	if a.ended != nil {
		span.SetAttributes(tracing.Status.String(string(a.ended.Status)))
	}
	<-a.busy
	span.End()
}

// handled ends the span of a handler that returned err. One that goes on elsewhere has not
// failed.
func handled(span trace.Span, err error) {
	if err != nil && !errors.Is(err, streamer.ErrContinue) && !errors.Is(err, errElsewhere) {
		code := protocol.Internal
		if e, ok := streamer.AsError(err); ok {
			code = cmp.Or(e.Code, code)
		}
		tracing.Fail(span, string(code))
	}
	span.End()
}
