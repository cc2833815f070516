// Package xray records what is traced with the X-Ray daemon that Lambda runs beside each
// function, or any other that listens.
//
// # Design
//
// The daemon takes a document for each span as a datagram and needs no collector, no layer,
// no call that a function would wait for, and no permission but that of writing traces,
// which Lambda's own tracing wants too. So there is nothing to flush: a span is out when it
// ends, however its process ends after that. What X-Ray lacks of OpenTelemetry, events but
// for errors, is left out.
//
// A span whose parent is another process's is written when it begins, too, as in progress.
// So a process that dies leaves its part of the tree, with whatever had ended below it.
//
// OTLP over HTTP, which X-Ray takes since it has Transaction Search, would be the other way:
// it would cost 2.5 MB in the zip of each function against 0.3, a call at the end of each
// run that the client or the next message waits for, and a setting of the whole account.
//
// A datagram is handed to the system, which sends it or drops it: a daemon that takes nothing
// holds nothing up. There is no deadline, which would pass while a busy or frozen process
// stands still, and drop what could have been sent. Nobody is told of what is dropped, since
// nobody could do anything about it.
package xray

import (
	"context"
	"fmt"
	"net"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// most is the largest document that X-Ray takes (AWS X-Ray developer guide, "AWS X-Ray
// segment documents"), with the line before it: a datagram has as much. Bytes.
const most = 63 << 10

// limits keep a document below most, whatever a handler says of its work.
var limits = sdk.SpanLimits{
	AttributeCountLimit: 64, AttributeValueLengthLimit: 512, EventCountLimit: 4, AttributePerEventCountLimit: 8,
	LinkCountLimit: 4, AttributePerLinkCountLimit: 4,
}

// New returns what makes spans that a daemon is told of, of a function of that name, or
// outside of Lambda, where it is empty.
// daemon is its address as AWS_XRAY_DAEMON_ADDRESS has it: "127.0.0.1:2000", or
// "tcp:127.0.0.1:2000 udp:127.0.0.1:2001". A span is made below one that is recorded, and
// below nothing else.
func New(daemon, function string) (*sdk.TracerProvider, error) {
	for field := range strings.FieldsSeq(daemon) {
		if udp, is := strings.CutPrefix(field, "udp:"); is || !strings.HasPrefix(field, "tcp:") {
			daemon = udp
		}
	}
	conn, err := net.Dial("udp", daemon) // no datagram is sent by that
	if err != nil {
		return nil, fmt.Errorf("find the X-Ray daemon: %w", err)
	}
	var process []attribute.KeyValue
	if function != "" {
		process = append(process, attribute.String("faas.name", function))
	}
	return recorded(&recorder{out: conn}, process...), nil
}

func recorded(by *recorder, process ...attribute.KeyValue) *sdk.TracerProvider {
	of := resource.NewSchemaless(append(process, attribute.String("service.name", Service))...)
	return sdk.NewTracerProvider(sdk.WithSampler(asDecided{}), sdk.WithRawSpanLimits(limits), sdk.WithResource(of), sdk.WithSpanProcessor(by))
}

// Service is what X-Ray is told that the spans are of.
const Service = "streamer"

// asDecided samples what its trace says. Nothing begins a trace here.
type asDecided struct{}

// ShouldSample implements sdk.Sampler.
func (asDecided) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	decision := sdk.Drop
	if parent.IsSampled() {
		decision = sdk.RecordAndSample
	}
	return sdk.SamplingResult{Decision: decision, Tracestate: parent.TraceState()}
}

// Description implements sdk.Sampler.
func (asDecided) Description() string { return "as the router decided" }

// recorder writes spans as they begin and end.
type recorder struct{ out net.Conn }

// OnStart implements sdk.SpanProcessor.
func (r *recorder) OnStart(_ context.Context, span sdk.ReadWriteSpan) {
	if topmost(span) {
		r.send(span)
	}
}

// OnEnd implements sdk.SpanProcessor.
func (r *recorder) OnEnd(span sdk.ReadOnlySpan) { r.send(span) }

// ForceFlush implements sdk.SpanProcessor: nothing is ever held back.
func (r *recorder) ForceFlush(context.Context) error { return nil }

// Shutdown implements sdk.SpanProcessor.
func (r *recorder) Shutdown(context.Context) error { return r.out.Close() }

func (r *recorder) send(span sdk.ReadOnlySpan) {
	if datagram := document(span); len(datagram) <= most {
		_, _ = r.out.Write(datagram)
	}
}
