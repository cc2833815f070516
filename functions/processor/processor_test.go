package processor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
)

// engine stands for the executor.
type engine struct {
	got    []executor.Delivery
	answer func(executor.Delivery) error
}

func (e *engine) Deliver(_ context.Context, d executor.Delivery) error {
	e.got = append(e.got, d)
	return e.answer(d)
}

// process runs the function as Lambda would.
func process(ctx context.Context, t *testing.T, event string, answer func(executor.Delivery) error) (out, log string, e *engine, bad int) {
	t.Helper()
	var lines bytes.Buffer
	e, m := &engine{answer: answer}, &metrictest.Tally{}
	p := processor.Processor{Executor: e, Metrics: m, Log: slog.New(slog.NewJSONHandler(&lines, nil))}
	response, err := lambda.NewHandler(p.Handle).Invoke(ctx, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(response)), lines.String(), e, m.Sums()[contract.MetricBadHint.Name]
}

func golden(t *testing.T) string {
	t.Helper()
	event, err := os.ReadFile("testdata/message.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(event)
}

func TestAMessageIsDelivered(t *testing.T) {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "invocation-1"})
	out, log, e, bad := process(ctx, t, golden(t), func(executor.Delivery) error { return nil })
	want := []executor.Delivery{{
		Key:     lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"},
		Message: "19dd0b57-b21e-4ac1-bd88-01bbb068cb78", Handle: "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a", Owner: "invocation-1",
		Sent: time.UnixMilli(1768857206501),
	}}
	if out != `{"batchItemFailures":[]}` || !reflect.DeepEqual(e.got, want) || bad != 0 || strings.Count(log, "\n") != 1 {
		t.Errorf("answered %s, delivered %+v, log %s", out, e.got, log)
	}
	_, _, e, _ = process(t.Context(), t, golden(t), func(executor.Delivery) error { return nil })
	if e.got[0].Owner == "" {
		t.Error("without an invocation's id there is no owner, as if it were the owner of every row without one")
	}
}

func TestWhatStaysInTheQueue(t *testing.T) {
	const kept = `{"batchItemFailures":[{"itemIdentifier":"19dd0b57-b21e-4ac1-bd88-01bbb068cb78"}]}`
	for name, c := range map[string]struct {
		answer func(executor.Delivery) error
		log    string
	}{
		"kept":           {func(executor.Delivery) error { return executor.ErrKeep }, `"kept":true,"why":""`},
		"kept, with why": {func(executor.Delivery) error { return fmt.Errorf("%w: lease runs", executor.ErrKeep) }, "lease runs"},
		"failed":         {func(executor.Delivery) error { return errors.New("table is away") }, "table is away"},
		"panicked":       {func(executor.Delivery) error { panic("oh") }, `"panic":"oh"`},
		"nil panic":      {func(executor.Delivery) error { var m map[string]int; m["x"] = 1; return nil }, "nil map"},
	} {
		out, log, _, bad := process(t.Context(), t, golden(t), c.answer)
		if out != kept || !strings.Contains(log, c.log) || strings.Count(log, "\n") != 1 || bad != 0 {
			t.Errorf("%s: answered %s, log %s", name, out, log)
		}
	}
}

func TestMessagesThatNobodyCanReadAreDropped(t *testing.T) {
	for _, body := range []string{"", "Message Body", "{}", `{\"v\":2,\"tenant\":\"acme\",\"request_id\":\"01JGH00000000000000000000A\"}`, strings.Repeat("x", 100_000)} {
		out, log, e, bad := process(t.Context(), t, `{"Records":[{"messageId":"m","body":"`+body+`"}]}`, nil)
		if out != `{"batchItemFailures":[]}` || len(e.got) != 0 || bad != 1 || !strings.Contains(log, "message dropped") || len(log) > 1000 {
			t.Errorf("%.100s: answered %s, delivered %v, %d bad, log %.2000s", body, out, e.got, bad, log)
		}
	}
}

func TestEachMessageOfABatchCountsForItself(t *testing.T) {
	record := func(id, body string) string { return `{"messageId":"` + id + `","body":"` + body + `"}` }
	good := `{\"v\":1,\"tenant\":\"acme\",\"request_id\":\"01JGH00000000000000000000A\"}`
	event := `{"Records":[` + strings.Join([]string{record("a", good), record("b", "bad"), record("c", good), record("d", good)}, ",") + `]}`
	out, _, e, bad := process(t.Context(), t, event, func(d executor.Delivery) error {
		switch d.Message {
		case "a":
			panic("oh")
		case "c":
			return executor.ErrKeep
		}
		return nil
	})
	var got []string
	for _, d := range e.got {
		got = append(got, d.Message)
	}
	if out != `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}` || !slices.Equal(got, []string{"a", "c", "d"}) || bad != 1 {
		t.Errorf("answered %s, delivered %v, %d bad", out, got, bad)
	}
}

func TestNoMessages(t *testing.T) {
	for _, event := range []string{`{}`, `{"Records":[]}`, `{"Records":null}`} {
		if out, _, _, _ := process(t.Context(), t, event, nil); out != `{"batchItemFailures":[]}` {
			t.Errorf("%s: answered %s", event, out)
		}
	}
}
