package router_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
	"github.com/pay-theory/streamer/protocol"
)

// traced is a run of the function of which Lambda keeps a trace, with all of its header.
func traced(ctx context.Context) context.Context {
	return context.WithValue(ctx, "x-amzn-trace-id", "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:1a2b3c4d:0") //nolint:staticcheck // aws-lambda-go's key
}

func TestTraces(t *testing.T) {
	var below bool
	sync := streamer.Action[string, any]{Name: "sync"}.Bind(func(ctx context.Context, req *streamer.Request[string], rep streamer.Reporter[any]) error {
		below = trace.SpanFromContext(ctx).IsRecording()
		if req.Payload == "fail" {
			return errors.New("a secret")
		}
		return rep.Complete("a secret")
	})
	w := open(t, echoAsync, sync)
	send := func(body string) (protocol.Frame, *tracingtest.Spans) {
		spans := tracingtest.New()
		w.Router.Door = tracing.Door{Tracer: spans}
		return w.sendWith(t, traced(t.Context()), w.message(t, body)), spans
	}

	f, spans := send(`{"id":"m1","action":"echo_async","payload":{"a":"secret"}}`)
	id := f.(protocol.Accepted).RequestID
	message := spans.Of(t, "streamer.message")
	if got := spans.Tree(t); got != "53995c3f42cd8ad8:streamer.message(put)" {
		t.Errorf("spans %s", got)
	}
	if got, want := w.row(t, "acme", id).Trace, "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent="+message.SpanContext().SpanID().String()+";Sampled=1"; got != want {
		t.Errorf("the row's trace is %s, want %s", got, want)
	}
	said := map[string]string{}
	for _, a := range message.Attributes() {
		said[string(a.Key)] = a.Value.Emit()
	}
	if want := fmt.Sprint(map[string]string{
		"streamer.request_id": id, "streamer.tenant": "acme", "streamer.action": "echo_async", "streamer.frame": "accepted",
		"faas.trigger": "http", "network.protocol.name": "websocket",
	}); fmt.Sprint(said) != want {
		t.Errorf("the span says %v, want %s", said, want)
	}

	_, spans = send(`{"action":"sync","payload":"x"}`)
	if got := spans.Tree(t); got != "53995c3f42cd8ad8:streamer.message(handler)" || !below {
		t.Errorf("a sync action: %s, its handler has a span: %v", got, below)
	}
	_, spans = send(`{"action":"sync","payload":"fail"}`)
	if code := tracingtest.Value(spans.Of(t, "streamer.message"), "error.type"); code != "INTERNAL" {
		t.Errorf("a handler that fails: %q", code)
	}
	_, spans = send(`{"action":"nobodys","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`)
	if got, code := spans.Tree(t), tracingtest.Value(spans.Of(t, "streamer.message"), "error.type"); got != "b7ad6b7169203331:streamer.message" || code != "UNKNOWN_ACTION" {
		t.Errorf("a message with a trace of its own: %s, refused with %q", got, code)
	}
	if f, spans = send(`{"action":"streamer.ping","traceparent":"nonsense"}`); f.Type() != protocol.TypePong || spans.Tree(t) != "53995c3f42cd8ad8:streamer.message" {
		t.Errorf("a malformed trace: %+v, spans %s", f, spans.Tree(t))
	}
	if f, spans = send(`{"action":"streamer.ping","traceparent":7}`); f.(protocol.Error).Code != protocol.BadMessage || len(spans.Started()) != 0 {
		t.Errorf("a trace that is no text: %+v, spans %s", f, spans.Tree(t))
	}
}

// Where nothing is traced, the row says nothing of a trace, whatever Lambda and the client do.
func TestUntraced(t *testing.T) {
	w := open(t, echoAsync)
	f, ok := w.sendWith(t, traced(t.Context()), w.message(t, `{"action":"echo_async","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`)).(protocol.Accepted)
	if row := w.row(t, "acme", f.RequestID); !ok || row.Trace != "" {
		t.Errorf("the row's trace is %q", row.Trace)
	}
}
