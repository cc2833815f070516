package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
	"github.com/pay-theory/streamer/protocol"
)

const (
	rowTrace  = "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=aaaaaaaaaaaaaaaa;Sampled=1" // of the message
	hintTrace = "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=bbbbbbbbbbbbbbbb;Sampled=1" // of the hint's sender
)

// traced gives the executor a tracer, and the request a trace.
func (r *rig) traced() *tracingtest.Spans {
	spans := tracingtest.New()
	r.Executor.Tracer = spans
	r.accept(func(s *lifecycle.Submission) { s.Trace = rowTrace })
	return spans
}

// carried delivers a message that says whose it is.
func (r *rig) carried(message string) error {
	return r.deliverTo(tracing.Under(r.t.Context(), hintTrace), message)
}

func TestTraces(t *testing.T) {
	want := func(t *testing.T, spans *tracingtest.Spans, tree string) {
		t.Helper()
		if got := spans.Tree(t); got != tree {
			t.Errorf("spans  %s\nwant   %s", got, tree)
		}
	}
	play(t, "completed", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			trace.SpanFromContext(ctx).SetAttributes(tracing.Frame.String("mine"))
			_, own := tracing.Start(ctx, "own")
			time.Sleep(time.Second)
			own.End()
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.carried("m1"))
		want(t, spans, "bbbbbbbbbbbbbbbb:streamer.attempt(claim handler(own) complete post)")
		if got := tracingtest.Value(spans.Of(t, "handler"), tracing.Frame); got != "mine" {
			t.Errorf("the handler's own attribute is %q", got)
		}
		attempt := spans.Of(t, "streamer.attempt")
		for key, want := range map[string]string{
			"streamer.request_id": "01JGH00000000000000000000A", "streamer.tenant": "acme", "streamer.action": "work", "streamer.attempt": "1", "streamer.status": "COMPLETED",
			"messaging.system": "aws_sqs", "messaging.operation.type": "process", "messaging.message.id": "m1", "faas.invocation_id": "owner-1",
		} {
			if got := tracingtest.Value(attempt, attribute.Key(key)); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	})
	play(t, "posts are counted", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.fate["c"] = streamer.ErrThrottled
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			rep.Report(10, "throttled, and sent again as a first report is")
			time.Sleep(time.Millisecond)
			r.set(func() { r.fate["c"] = nil })
			time.Sleep(10 * time.Second)
			rep.Report(15, "goes out at once, and begins an interval")
			time.Sleep(time.Millisecond)
			for range 5 {
				rep.Report(20, "the last of five in it")
			}
			time.Sleep(10 * time.Second)
			r.set(func() { r.fate["c"] = streamer.ErrGone })
			rep.Report(30, "to nobody")
			time.Sleep(10 * time.Second)
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.carried("m1"))
		attempt := spans.Of(t, "streamer.attempt")
		for key, want := range map[attribute.Key]string{tracing.Posted: "3", tracing.Coalesced: "4", tracing.Gone: "1", tracing.Untaken: "1"} {
			if got := tracingtest.Value(attempt, key); got != want {
				t.Errorf("%s is %q, want %q", key, got, want)
			}
		}
	})
	play(t, "tried again", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.handler = fail(streamer.Retryable(errors.New("a secret"), 0))
		r.wantKept(r.carried("m1"))
		time.Sleep(time.Hour / 4)
		r.handler = func(context.Context, request, reporter) error { panic("a secret") }
		r.wantKept(r.carried("m1"))
		time.Sleep(time.Hour / 4)
		r.handler = fail(errors.New("a secret"))
		r.wantDone(r.carried("m1"))
		want(t, spans, "bbbbbbbbbbbbbbbb:streamer.attempt(claim handler retry post) bbbbbbbbbbbbbbbb:streamer.attempt(claim handler retry post) "+
			"bbbbbbbbbbbbbbbb:streamer.attempt(claim handler fail post)")
		for _, span := range spans.Ended() {
			if s := span.Status(); s.Description != "" && s.Description != "INTERNAL" || len(span.Events()) != 0 {
				t.Errorf("%s tells of %q, %v", span.Name(), s.Description, span.Events())
			}
		}
	})
	play(t, "goes on elsewhere", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.Executor.Elsewhere = func(string) bool { return true }
		r.wantDone(r.carried("m1"))
		want(t, spans, "bbbbbbbbbbbbbbbb:streamer.attempt(claim handler continue post)")
		if code := tracingtest.Value(spans.Of(t, "handler"), "error.type"); code != "" {
			t.Errorf("an attempt that goes on has failed with %s", code)
		}
	})
	play(t, "by a hint without a trace, that waited", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.handler = succeed(`1`)
		sent := time.Now()
		time.Sleep(3 * time.Second)
		r.wantDone(r.Deliver(t.Context(), executor.Delivery{Key: key, Message: "m1", Handle: "h", Owner: "o", Sent: sent}))
		want(t, spans, "aaaaaaaaaaaaaaaa:streamer.queue aaaaaaaaaaaaaaaa:streamer.attempt(claim handler complete post)")
		if waited := spans.Of(t, "streamer.queue"); !waited.StartTime().Equal(sent) || waited.EndTime().Sub(sent) != 3*time.Second {
			t.Errorf("waited from %s to %s", waited.StartTime(), waited.EndTime())
		}
	})
	play(t, "overdue, and told again", func(t *testing.T, r *rig) {
		spans := r.traced()
		r.fate["c"] = streamer.ErrThrottled
		time.Sleep(2 * time.Hour)
		r.wantKept(r.carried("m1"))
		r.fate["c"] = nil
		time.Sleep(time.Minute)
		r.wantDone(r.carried("m1"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		want(t, spans, "bbbbbbbbbbbbbbbb:streamer.settle(end post repost) bbbbbbbbbbbbbbbb:streamer.settle(post told)")
	})
	play(t, "off", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.Trace = rowTrace })
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			if span := trace.SpanFromContext(ctx); span.IsRecording() {
				t.Error("a handler's span records with nothing to record to")
			}
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.deliver("m1"))
	})
}
