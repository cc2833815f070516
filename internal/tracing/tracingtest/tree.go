// Package tracingtest shows recorded spans as a tree.
package tracingtest

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// Spans keeps what is recorded.
type Spans struct {
	*tracetest.SpanRecorder
	trace.Tracer
}

// New returns a tracer that keeps its spans.
func New() *Spans {
	r := tracetest.NewSpanRecorder()
	return &Spans{r, sdk.NewTracerProvider(sdk.WithSpanProcessor(r)).Tracer("test")}
}

// Tree is the ended spans, each with those below it in the order in which they began,
// "a(b c(d))". A span whose parent was not recorded stands at the top, behind the parent's id.
func (s *Spans) Tree(t *testing.T) string {
	t.Helper()
	var ended []sdk.ReadOnlySpan
	for _, span := range s.Started() {
		if !span.EndTime().IsZero() {
			ended = append(ended, span)
		}
	}
	known := map[trace.SpanID]bool{}
	for _, span := range ended {
		known[span.SpanContext().SpanID()] = true
	}
	var under func(id trace.SpanID) string
	under = func(id trace.SpanID) string {
		var parts []string
		for _, span := range ended {
			if span.Parent().SpanID() == id {
				parts = append(parts, span.Name()+under(span.SpanContext().SpanID()))
			}
		}
		if len(parts) == 0 || !id.IsValid() {
			return strings.Join(parts, " ")
		}
		return "(" + strings.Join(parts, " ") + ")"
	}
	tops := []string{}
	if top := under(trace.SpanID{}); top != "" {
		tops = append(tops, top)
	}
	for _, span := range ended {
		if id := span.Parent().SpanID(); id.IsValid() && !known[id] {
			tops = append(tops, fmt.Sprintf("%s:%s%s", id, span.Name(), under(span.SpanContext().SpanID())))
		}
	}
	if started := len(s.Started()); started != len(ended) {
		t.Errorf("%d spans began, %d ended", started, len(ended))
	}
	return strings.Join(tops, " ")
}

// Of is the first span of that name.
func (s *Spans) Of(t *testing.T, name string) sdk.ReadOnlySpan {
	t.Helper()
	for _, span := range s.Ended() {
		if span.Name() == name {
			return span
		}
	}
	t.Fatalf("no span %s", name)
	return nil
}

// Value is an attribute of a span as text, empty if it has none.
func Value(span sdk.ReadOnlySpan, key attribute.Key) string {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.Emit()
		}
	}
	return ""
}
