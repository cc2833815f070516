package processor_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
)

// FuzzQueueEvent: every message of an event is delivered under a canonical key or counted
// as bad, and the answer is a list of ids of messages that were delivered, never null.
func FuzzQueueEvent(f *testing.F) {
	golden, err := os.ReadFile("testdata/message.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"Records":[{"messageId":"a","body":"{\"v\":1,\"tenant\":\"t\",\"request_id\":\"01JGH00000000000000000000A\"}"},{"messageId":"b","body":"x"},{},null]}`))
	f.Add([]byte(`{"Records":null}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		if !json.Valid(event) {
			return // Lambda hands over JSON
		}
		e, bad := &engine{answer: func(executor.Delivery) error { return errors.New("not done") }}, &metrictest.Tally{}
		p := processor.Processor{Executor: e, Metrics: bad, Log: slog.New(slog.DiscardHandler)}
		out, err := lambda.NewHandler(p.Handle).Invoke(t.Context(), event)
		if err != nil {
			return // no event of a queue at all
		}
		var in events.SQSEvent
		if err := json.Unmarshal(event, &in); err != nil {
			t.Fatalf("%q is taken: %v", event, err)
		}
		if bad := bad.Sums()["UndecodableHints"]; len(e.got)+bad != len(in.Records) {
			t.Errorf("%d messages: %d delivered, %d bad", len(in.Records), len(e.got), bad)
		}
		var answer struct {
			BatchItemFailures []events.SQSBatchItemFailure `json:"batchItemFailures"`
		}
		if err := json.Unmarshal(out, &answer); err != nil || answer.BatchItemFailures == nil || len(answer.BatchItemFailures) != len(e.got) {
			t.Fatalf("%d were not done, the answer is %s, %v", len(e.got), out, err)
		}
		for i, d := range e.got {
			if !lifecycle.ValidID(d.Key.ID) || d.Key.Tenant == "" || answer.BatchItemFailures[i].ItemIdentifier != d.Message {
				t.Errorf("delivered %+v, failed %+v", d, answer.BatchItemFailures[i])
			}
		}
	})
}
