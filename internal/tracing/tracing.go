// Package tracing follows one request through every process that has it: from the message
// of its client to the post that tells of its end, as one trace of OpenTelemetry.
//
// # Design
//
// No WebSocket API and no stream of a table carries a trace, so a request carries its own:
// the span that took it in is an attribute of its row, 74 bytes in the form of an X-Ray
// header, and the hint that is sent for it has the sender's in AWSTraceHeader, which SQS
// keeps beside the body. A function begins its part below what it finds there. What AWS
// itself would begin below is another trace for each run, to which ours is linked.
//
// The trees of all requests look alike; a request that is tried again has an attempt more,
// and one that goes on in another function a hint and an attempt.
//
//	streamer.message            the router has a message
//	├ handler                   of a sync action
//	├ put                       the row is written: accepted
//	└ streamer.send             a dispatcher or the reconciler sends a hint
//	  ├ streamer.queue          the hint waits
//	  └ streamer.attempt        a processor has it
//	    ├ claim
//	    ├ handler
//	    ├ save, retry, continue, hand over, complete, fail, cancel    the row is written
//	    └ post                  what is certain to go out is posted, the end among it
//
// An attempt that was handed over hangs below its message, as the row says, and so does a
// streamer.report of how far it is. A hint that ends a request without an attempt, or tells
// of its end once more, is a streamer.settle.
//
// Whether a trace is recorded is decided once, where its message comes in; what is not has
// nothing in its row, and nobody after that asks again. The code sees OpenTelemetry's API
// alone, and this package knows no more: where nothing is traced, Start, Join and Header
// return what they were given, allocate nothing, and make no span. Package xray is what the
// functions record with.
//
// Spans say which request, tenant, action and attempt they are about, and with which code
// something failed. No payload, no message of a handler's, no token and no link is in them.
package tracing

import (
	"context"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the name of Streamer's tracer.
const Scope = "github.com/pay-theory/streamer"

// Start begins a part of the span that ctx has. If that one is not recorded, what comes back
// is ctx and a span of which nothing comes.
func Start(ctx context.Context, name string) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, nothing
	}
	return parent.TracerProvider().Tracer(Scope).Start(ctx, name)
}

// nothing is a span that records nothing.
var nothing = trace.SpanFromContext(context.Background())

// Under returns a context of the trace that a header names, which is a row's or a queue
// message's: ctx itself if it names none that is recorded. Where the process traces
// something of its own, Join links to that.
func Under(ctx context.Context, header string) context.Context {
	parent := Parse(header)
	if !parent.IsSampled() || trace.SpanContextFromContext(ctx).TraceID() == parent.TraceID() {
		return ctx
	}
	return context.WithValue(trace.ContextWithRemoteSpanContext(ctx, parent), outer{}, trace.SpanContextFromContext(ctx))
}

// InRun is Under for the trace that Lambda keeps of the run which ctx is of, unless ctx has
// a span already.
func InRun(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	run := invocation(ctx)
	if !run.IsSampled() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, run)
}

// outer is the key of the span that a process had before Under.
type outer struct{}

// Join begins the part that this process has in the trace of ctx, at a moment. A nil tracer,
// and a trace that is not recorded, begin none.
func Join(ctx context.Context, tracer trace.Tracer, name string, kind trace.SpanKind, at time.Time) (context.Context, trace.Span) {
	if tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nothing
	}
	return begin(ctx, tracer, name, kind, at)
}

func begin(ctx context.Context, tracer trace.Tracer, name string, kind trace.SpanKind, at time.Time) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithTimestamp(at)}
	around, _ := ctx.Value(outer{}).(trace.SpanContext)
	if !around.IsValid() {
		around = invocation(ctx)
	}
	if around.IsSampled() && around.TraceID() != trace.SpanContextFromContext(ctx).TraceID() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: around}))
	}
	return tracer.Start(ctx, name, options...)
}

// Door is where messages come in, and traces begin.
type Door struct {
	// Tracer is that of the process. Nil: nothing is traced.
	Tracer trace.Tracer
	// Percent of the messages are traced besides those that Lambda traces, 0 to 100.
	Percent float64
}

// Message begins the span of a message, at a moment. traceparent is what its client said of
// a trace of its own, in the form of W3C Trace Context; if it is that, the trace is
// continued, and else ignored. Whether the trace is recorded is not the client's to say.
func (d Door) Message(ctx context.Context, traceparent string, at time.Time) (context.Context, trace.Span) {
	if d.Tracer == nil {
		return ctx, nothing
	}
	parent := invocation(ctx)
	if !parent.IsSampled() {
		if 100*rand.Float64() >= d.Percent {
			return ctx, nothing
		}
		parent = root(parent.TraceID()) // Lambda's own span is not recorded: begin the trace
	}
	if traceparent != "" {
		carrier := propagation.MapCarrier{"traceparent": traceparent}
		if theirs := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier)); theirs.IsValid() {
			parent = theirs.WithTraceFlags(trace.FlagsSampled)
		}
	}
	return begin(trace.ContextWithRemoteSpanContext(ctx, parent), d.Tracer, "streamer.message", trace.SpanKindServer, at)
}

// root is what a trace hangs below that has nothing above it, of a new id if it has none.
func root(id trace.TraceID) trace.SpanContext {
	for !id.IsValid() {
		random := [2]uint64{rand.Uint64(), rand.Uint64()}
		for i := range id {
			id[i] = byte(random[i/8] >> (8 * (i % 8)))
		}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, TraceFlags: trace.FlagsSampled, Remote: true})
}
