package queue_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
)

// sink keeps what is sent.
type sink struct {
	sent []queue.Hint
	err  error
}

func (s *sink) Send(_ context.Context, hints []queue.Hint) error {
	s.sent = hints
	return s.err
}

func TestHintsCarryTracesOn(t *testing.T) {
	const trace = "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=1"
	spans, out := tracingtest.New(), &sink{}
	hints := []queue.Hint{
		{Key: lifecycle.Key{Tenant: "acme", ID: "a"}, Action: "resize", Trace: trace},
		{Key: lifecycle.Key{Tenant: "acme", ID: "b"}},
		{Key: lifecycle.Key{Tenant: "acme", ID: "c"}, Trace: "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=0"},
	}
	s := queue.Traced{Sender: out, Tracer: spans}
	if err := s.Send(t.Context(), hints); err != nil {
		t.Fatal(err)
	}
	if got := spans.Tree(t); got != "53995c3f42cd8ad8:streamer.send" {
		t.Errorf("spans %s", got)
	}
	sent := spans.Of(t, "streamer.send")
	if out.sent[0].Trace != "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent="+sent.SpanContext().SpanID().String()+";Sampled=1" || out.sent[1] != hints[1] || out.sent[2] != hints[2] || hints[0].Trace != trace {
		t.Errorf("sent %+v", out.sent)
	}
	if got := tracingtest.Value(sent, tracing.Request) + tracingtest.Value(sent, tracing.Action) + tracingtest.Value(sent, "error.type"); got != "aresize" {
		t.Errorf("it says %s", got)
	}
	out.err = errors.New("no queue")
	again := tracingtest.New()
	s.Tracer = again
	if err := s.Send(t.Context(), hints); !errors.Is(err, out.err) {
		t.Errorf("err %v", err)
	}
	if got := tracingtest.Value(again.Of(t, "streamer.send"), "error.type"); got != "send" {
		t.Errorf("a hint that was not sent: %q", got)
	}
}
