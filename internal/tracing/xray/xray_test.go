package xray

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/pay-theory/streamer/internal/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const parent = "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=1"

// daemon is a place that datagrams are sent to.
func daemon(t *testing.T) (at string, next func() Document) {
	t.Helper()
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in.LocalAddr().String(), func() Document {
		t.Helper()
		datagram := make([]byte, 64<<10)
		n, _, err := in.ReadFrom(datagram)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := bytes.Cut(datagram[:n], []byte("\n"))
		var d Document
		strict := json.NewDecoder(bytes.NewReader(rest))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&d); err != nil || string(first) != `{"format":"json","version":1}` {
			t.Fatalf("got %q, err %v", datagram[:n], err)
		}
		return d
	}
}

func provider(t *testing.T, at string) *sdk.TracerProvider {
	t.Helper()
	p, err := New(at, "Streamer-Router")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestDocuments(t *testing.T) {
	at, next := daemon(t)
	tracer := provider(t, "tcp:127.0.0.1:1 udp:"+at).Tracer("t")
	began := time.Now()
	ctx, top := tracing.Join(tracing.Under(t.Context(), parent), tracer, "streamer.attempt", trace.SpanKindConsumer, began)
	top.SetAttributes(tracing.Request.String("r1"), tracing.Attempt.Int(2), tracing.OfRun("i1"))
	open := next()
	if !open.InProgress || open.End != 0 || open.Type != "" || open.ParentID != "53995c3f42cd8ad8" || open.TraceID != "1-63c9b2b6-2f9a1e3c4d5b6a7889900aab" ||
		open.Name != "streamer.attempt" || math.Abs(open.Start-float64(began.UnixMicro())/1e6) > 1e-5 {
		t.Errorf("a span that began: %+v", open)
	}
	_, part := tracing.Start(ctx, "a <part>, of: it\n")
	part.RecordError(errors.New("no room"))
	tracing.Fail(part, "INTERNAL")
	part.SetAttributes(attribute.StringSlice("list", []string{"a", "b"}), attribute.Float64("f", 1.5), attribute.Bool("b", true), attribute.String("long", strings.Repeat("x", 5000)))
	part.End()
	below := next()
	said := below.Metadata["default"]
	if below.Type != "subsegment" || below.ParentID != open.ID || below.Name != "a part of: it" || !below.Fault || below.End < below.Start ||
		said["error.type"] != "INTERNAL" || said["list"] != `["a","b"]` || said["f"] != 1.5 || said["b"] != true || len(said["long"].(string)) != 512 {
		t.Errorf("its part: %+v", below)
	}
	if c := below.Cause; c == nil || len(c.Exceptions) != 1 || c.Exceptions[0].Message != "no room" || len(c.Exceptions[0].ID) != 16 {
		t.Errorf("its cause: %+v", c)
	}
	top.End()
	end := next()
	if end.ID != open.ID || end.InProgress || end.End < end.Start || end.Fault ||
		end.Annotations["streamer_request_id"] != "r1" || end.Annotations["streamer_attempt"] != 2.0 ||
		end.Metadata["default"]["faas.invocation_id"] != "i1" || end.Metadata["default"]["faas.name"] != "Streamer-Router" {
		t.Errorf("a span that ended: %+v", end)
	}
}

// A handler that uses OpenTelemetry by itself begins no traces that nobody asked for.
func TestNothingBeginsByItself(t *testing.T) {
	at, next := daemon(t)
	tracer := provider(t, at).Tracer("t")
	_, alone := tracer.Start(t.Context(), "alone")
	if alone.IsRecording() {
		t.Error("recorded without a trace")
	}
	alone.End()
	_, span := tracing.Join(tracing.Under(t.Context(), parent), tracer, "below", trace.SpanKindInternal, time.Now())
	span.End()
	if d := next(); d.Name != "below" {
		t.Errorf("got %+v", d)
	}
}

// A daemon that takes nothing holds no work up: what its buffer has no room for is dropped.
func TestADaemonThatTakesNothing(t *testing.T) {
	at, next := daemon(t)
	tracer := provider(t, at).Tracer("t")
	const spans = 20_000 // some 8 MB, against the 0.2 that Linux keeps for a socket
	for range spans {
		_, span := tracing.Join(tracing.Under(t.Context(), parent), tracer, "a", trace.SpanKindInternal, time.Now())
		span.End()
	}
	if d := next(); d.Name != "a" {
		t.Errorf("got %+v", d)
	}
}

// TestNoDaemon: a datagram to where nobody listens is an error of the next one.
func TestNoDaemon(t *testing.T) {
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := in.LocalAddr().String()
	in.Close()
	tracer := provider(t, at).Tracer("t")
	for range 10 {
		_, span := tracing.Join(tracing.Under(t.Context(), parent), tracer, "a", trace.SpanKindInternal, time.Now())
		span.End()
	}
	if _, err := New("no address", ""); err == nil {
		t.Error("an address that is none is taken")
	}
}

// BenchmarkSpan is a span from its beginning to its datagram, as it costs the work.
func BenchmarkSpan(b *testing.B) {
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer in.Close()
	p, err := New(in.LocalAddr().String(), "f")
	if err != nil {
		b.Fatal(err)
	}
	defer p.Shutdown(context.Background())
	ctx, top := tracing.Join(tracing.Under(b.Context(), parent), p.Tracer("t"), "streamer.attempt", trace.SpanKindConsumer, time.Now())
	defer top.End()
	b.ReportAllocs()
	for b.Loop() {
		_, span := tracing.Start(ctx, "post")
		span.SetAttributes(tracing.Told.Bool(true))
		span.End()
	}
}
