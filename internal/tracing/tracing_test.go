package tracing_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
)

const (
	root    = "1-63c9b2b6-2f9a1e3c4d5b6a7889900aab"
	sampled = "Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=1"
	theirs  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// lambda is the context of a run whose trace has that header.
func lambda(ctx context.Context, header string) context.Context {
	return context.WithValue(ctx, "x-amzn-trace-id", header) //nolint:staticcheck // aws-lambda-go's key
}

func TestHeaders(t *testing.T) {
	for header, want := range map[string]string{
		sampled: sampled,
		"Self=1-67891234-12456789abcdef012345678;" + sampled + ";Lineage=1:1a2b3c4d:0": sampled,
		"Sampled=1; Parent=53995c3f42cd8ad8; Root=" + root:                             sampled,
		"Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=0":                          "",
		"Root=" + root + ";Parent=53995c3f42cd8ad8":                                    "",
		"Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aag;Parent=53995c3f42cd8ad8;Sampled=1":   "",
		"Root=2-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=1":   "",
		"Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aa;Parent=53995c3f42cd8ad8;Sampled=1":    "",
		"Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1":   "",
		"": "", ";;=;": "", "Root": "",
	} {
		if got := tracing.Header(tracing.Under(t.Context(), header)); got != want {
			t.Errorf("%q becomes %q, want %q", header, got, want)
		}
	}
	if len(sampled) != 74 {
		t.Errorf("a row's trace has %d bytes, where the package's doc says 74", len(sampled))
	}
}

func FuzzParse(f *testing.F) {
	for _, header := range []string{sampled, "", "Root=" + root, "Root=1--;Parent=;Sampled=", strings.Repeat(";", 100), "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aabb"} {
		f.Add(header)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got := tracing.Parse(header)
		if got.HasSpanID() && !got.HasTraceID() || got.IsSampled() && !got.HasTraceID() {
			t.Fatalf("%q becomes %+v", header, got)
		}
		if written := tracing.Header(trace.ContextWithSpanContext(t.Context(), got)); written != "" && !tracing.Parse(written).Equal(got) {
			t.Errorf("%q is written as %q", header, written)
		}
	})
}

// Whether a message is traced is Lambda's decision, or the door's; where its trace comes
// from is the client's, if it has one.
func TestMessage(t *testing.T) {
	for name, c := range map[string]struct {
		header, traceparent string
		percent             float64
		trace, parent       string // of the span, as X-Ray writes it; "any" and "none"
		link                string
	}{
		"Lambda chose it":                       {header: sampled, trace: root, parent: "53995c3f42cd8ad8"},
		"Lambda did not":                        {header: strings.TrimSuffix(sampled, "1") + "0", trace: "none"},
		"Lambda did not, the door does":         {header: strings.TrimSuffix(sampled, "1") + "0", percent: 100, trace: root},
		"no Lambda, the door does":              {percent: 100, trace: "any"},
		"no Lambda, nor the door":               {trace: "none"},
		"a client with a trace":                 {header: sampled, traceparent: theirs, trace: "1-0af76519-16cd43dd8448eb211c80319c", parent: "b7ad6b7169203331", link: root},
		"a client that does not record":         {header: sampled, traceparent: theirs[:len(theirs)-1] + "0", trace: "1-0af76519-16cd43dd8448eb211c80319c", parent: "b7ad6b7169203331", link: root},
		"a client whose message is not traced":  {traceparent: theirs, trace: "none"},
		"of a later version":                    {header: sampled, traceparent: "01" + theirs[2:] + "-more", trace: "1-0af76519-16cd43dd8448eb211c80319c", parent: "b7ad6b7169203331", link: root},
		"malformed: too short":                  {header: sampled, traceparent: theirs[1:], trace: root, parent: "53995c3f42cd8ad8"},
		"malformed: too long for its version":   {header: sampled, traceparent: theirs + "-more", trace: root, parent: "53995c3f42cd8ad8"},
		"malformed: all zero":                   {header: sampled, traceparent: "00-00000000000000000000000000000000-b7ad6b7169203331-01", trace: root, parent: "53995c3f42cd8ad8"},
		"malformed: no hex":                     {header: sampled, traceparent: strings.Replace(theirs, "af", "zz", 1), trace: root, parent: "53995c3f42cd8ad8"},
		"malformed: a header of X-Ray":          {header: sampled, traceparent: sampled, trace: root, parent: "53995c3f42cd8ad8"},
		"malformed, and Lambda's header, too":   {header: "Root=1", traceparent: "x", trace: "none"},
		"Lambda's header is malformed, sampled": {header: "Root=1", percent: 100, trace: "any"},
	} {
		t.Run(name, func(t *testing.T) {
			spans := tracingtest.New()
			door := tracing.Door{Tracer: spans, Percent: c.percent}
			ctx, span := door.Message(lambda(t.Context(), c.header), c.traceparent, time.Now())
			span.End()
			if c.trace == "none" {
				if n := len(spans.Started()); n != 0 || tracing.Header(ctx) != "" {
					t.Errorf("%d spans, header %q", n, tracing.Header(ctx))
				}
				return
			}
			got := spans.Of(t, "streamer.message")
			id, parent := tracing.ID(got.SpanContext().TraceID()), ""
			if got.Parent().HasSpanID() {
				parent = got.Parent().SpanID().String()
			}
			if (c.trace != "any" && id != c.trace) || parent != c.parent || tracing.Header(ctx) != "Root="+id+";Parent="+got.SpanContext().SpanID().String()+";Sampled=1" {
				t.Errorf("trace %s, parent %q, header %q", id, parent, tracing.Header(ctx))
			}
			link := ""
			for _, l := range got.Links() {
				link += tracing.ID(l.SpanContext.TraceID())
			}
			if link != c.link {
				t.Errorf("linked to %q, want %q", link, c.link)
			}
		})
	}
}

// A run of a function that works on a request is linked to what Lambda traces of that run.
func TestRunsAreLinked(t *testing.T) {
	spans := tracingtest.New()
	const run = "1-5759e988-bd862e3fe1be46a994272793"
	ctx := tracing.Under(lambda(t.Context(), "Root="+run+";Parent=70de5b6f19ff9a0a;Sampled=1"), sampled)
	ctx, span := tracing.Join(ctx, spans, "a", trace.SpanKindConsumer, time.Now())
	_, below := tracing.Start(ctx, "b")
	below.End()
	span.End()
	if got := spans.Tree(t); got != "53995c3f42cd8ad8:a(b)" {
		t.Errorf("spans %s", got)
	}
	if links := spans.Of(t, "a").Links(); len(links) != 1 || tracing.ID(links[0].SpanContext.TraceID()) != run {
		t.Errorf("links %+v", links)
	}
	if got := tracing.IDOf(ctx); got != root {
		t.Errorf("the trace is %s", got)
	}
}

// Off means free: no span is made, no context, no byte is allocated.
func TestOffIsFree(t *testing.T) {
	ctx := t.Context()
	var door tracing.Door
	at := time.Now()
	for name, do := range map[string]func() context.Context{
		"message": func() context.Context { of, span := door.Message(ctx, theirs, at); span.End(); return of },
		"under":   func() context.Context { return tracing.Under(ctx, "") },
		"join": func() context.Context {
			of, span := tracing.Join(ctx, nil, "a", trace.SpanKindConsumer, at)
			tracing.Fail(span, "INTERNAL")
			span.End()
			return of
		},
		"start":  func() context.Context { of, span := tracing.Start(ctx, "a"); span.End(); return of },
		"header": func() context.Context { _ = tracing.Header(ctx); return ctx },
	} {
		if of := do(); of != ctx {
			t.Errorf("%s: another context", name)
		}
		if n := testing.AllocsPerRun(100, func() { do() }); n != 0 {
			t.Errorf("%s: %g allocations", name, n)
		}
	}
}

func BenchmarkOff(b *testing.B) {
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_, span := tracing.Start(ctx, "a")
		span.End()
	}
}
