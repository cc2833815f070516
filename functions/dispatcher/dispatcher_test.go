package dispatcher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/pay-theory/streamer/functions/dispatcher"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
	"github.com/pay-theory/streamer/internal/queue"
)

// sender keeps the hints that are sent.
type sender struct {
	sent []queue.Hint
	err  error
}

func (s *sender) Send(_ context.Context, hints []queue.Hint) error {
	s.sent = append(s.sent, hints...)
	return s.err
}

// dispatch runs the function as Lambda would.
func dispatch(t *testing.T, event []byte, s *sender) (bad int, log string, err error) {
	t.Helper()
	var out bytes.Buffer
	m := &metrictest.Tally{}
	d := dispatcher.Dispatcher{Queue: s, Metrics: m, Log: slog.New(slog.NewJSONHandler(&out, nil))}
	_, err = lambda.NewHandler(d.Handle).Invoke(t.Context(), event)
	return m.Sums()[contract.MetricBadHint.Name], out.String(), err
}

func TestRecordsBecomeHints(t *testing.T) {
	event, err := os.ReadFile("testdata/stream.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{}
	bad, log, err := dispatch(t, event, s)
	want := []queue.Hint{
		{Key: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}, Action: "generate_report", Trace: "Root=1-63c9b2b6-2f9a1e3c4d5b6a7889900aab;Parent=53995c3f42cd8ad8;Sampled=1"},
		{Key: lifecycle.Key{Tenant: "a.B_c@d:e-f", ID: "01JGH00000000000000000000B"}},
	}
	if err != nil || bad != 0 || !reflect.DeepEqual(s.sent, want) || strings.Count(log, "\n") != 1 {
		t.Errorf("sent %+v, %d bad, err %v, log %s", s.sent, bad, err, log)
	}
}

func TestRecordsThatNobodyCanReadAreSkipped(t *testing.T) {
	const good = `{"eventID":"e","dynamodb":{"Keys":{"pk":{"S":"T#acme#R#01JGH00000000000000000000A"}},"NewImage":{"trace":{"N":"1"},"action":{"NULL":true}}}}`
	for _, record := range []string{
		`{}`,
		`{"dynamodb":{}}`,
		`{"dynamodb":{"Keys":{}}}`,
		`{"dynamodb":{"Keys":{"sk":{"S":"META"}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"N":"1"}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"NULL":true}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":""}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":"T#acme#R#short"}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":"T##R#01JGH00000000000000000000A"}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":"X#acme#R#01JGH00000000000000000000A"}}}}`,
		`{"dynamodb":{"Keys":{"pk":{"S":"` + strings.Repeat("x", 2000) + `"}}}}`,
	} {
		s := &sender{}
		bad, log, err := dispatch(t, []byte(`{"Records":[`+good+","+record+","+good+`]}`), s)
		want := queue.Hint{Key: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}}
		if err != nil || bad != 1 || !reflect.DeepEqual(s.sent, []queue.Hint{want, want}) || !strings.Contains(log, "stream record skipped") || len(log) > 1000 {
			t.Errorf("%.100s: sent %+v, %d bad, err %v, log %s", record, s.sent, bad, err, log)
		}
	}
}

func TestASendThatFailsFailsTheBatch(t *testing.T) {
	event, err := os.ReadFile("testdata/stream.json")
	if err != nil {
		t.Fatal(err)
	}
	away := errors.New("queue is away")
	if _, _, err := dispatch(t, event, &sender{err: away}); !errors.Is(err, away) {
		t.Errorf("err is %v", err)
	}
}

func TestAnEmptyBatch(t *testing.T) {
	event, err := json.Marshal(events.DynamoDBEvent{})
	if err != nil {
		t.Fatal(err)
	}
	if bad, _, err := dispatch(t, event, &sender{}); err != nil || bad != 0 {
		t.Errorf("%d bad, err %v", bad, err)
	}
}
