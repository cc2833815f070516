package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/tracing"
)

func TestLinesSayWhatTheyAreAbout(t *testing.T) {
	var out bytes.Buffer
	log := logging.New(&out)
	line := func(write func()) map[string]any {
		t.Helper()
		out.Reset()
		write()
		var got map[string]any
		if err := json.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatalf("%v in %s", err, &out)
		}
		for _, always := range []string{"time", "level", "msg"} {
			if got[always] == nil {
				t.Errorf("no %s in %s", always, &out)
			}
			delete(got, always)
		}
		return got
	}
	want := func(got, want map[string]any) {
		t.Helper()
		if !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	ctx := logging.About(t.Context(), "request", "r1", "tenant", "acme")
	inner := logging.About(ctx, slog.Int("attempt", 2), "request", "r2")
	want(line(func() { log.InfoContext(t.Context(), "m", "x", 1) }), map[string]any{"x": 1.0})
	want(line(func() { log.InfoContext(ctx, "m") }), map[string]any{"request": "r1", "tenant": "acme"})
	want(line(func() { log.InfoContext(inner, "m") }), map[string]any{"request": "r2", "tenant": "acme", "attempt": 2.0})
	want(line(func() { log.InfoContext(ctx, "the line's own stand", "request", "r3") }), map[string]any{"request": "r3", "tenant": "acme"})
	want(line(func() { log.With("a", "b").InfoContext(ctx, "m") }), map[string]any{"a": "b", "request": "r1", "tenant": "acme"})
	want(line(func() { log.InfoContext(logging.About(ctx, "tenant", ""), "what is empty is left out") }), map[string]any{"request": "r1"})

	lambda := lambdacontext.NewContext(context.WithValue(ctx, "x-amzn-trace-id", "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=0"), &lambdacontext.LambdaContext{AwsRequestID: "i1"}) //nolint:staticcheck // aws-lambda-go's key
	want(line(func() { log.ErrorContext(lambda, "m") }), map[string]any{"request": "r1", "tenant": "acme", "invocation": "i1", "trace": "1-63c9b2b6-2f9a1e3c4d5b6a7889900aab"})
	traced := tracing.Under(lambda, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
	want(line(func() { log.ErrorContext(traced, "m") }), map[string]any{"request": "r1", "tenant": "acme", "invocation": "i1", "trace": "1-5759e988-bd862e3fe1be46a994272793"})
}

func TestHide(t *testing.T) {
	cause := fmt.Errorf("charge 4111: %w", context.Canceled)
	if err := logging.Hide(cause); strings.Contains(err.Error(), "4111") || !strings.Contains(err.Error(), "*fmt.wrapError") || !errors.Is(err, context.Canceled) {
		t.Errorf("hidden: %v", err)
	}
	if err := logging.Hide(nil); err != nil {
		t.Errorf("nothing, hidden: %v", err)
	}
	for hide, want := range map[bool]string{true: "with a string", false: "panicked: 4111"} {
		if err := logging.Panicked("4111", hide); strings.Contains(err.Error(), "4111") == hide || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "goroutine") {
			t.Errorf("hidden %t: %v", hide, err)
		}
	}
}
