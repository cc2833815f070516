package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
)

// sink keeps what a handler reports, and when.
type sink struct {
	start  time.Time
	said   []string
	result string
}

func (s *sink) Report(percentage float64, message string) { s.Step(percentage, message) }

func (s *sink) Step(percentage float64, message string) {
	s.said = append(s.said, fmt.Sprintf("%v %g %s", time.Since(s.start), percentage, message))
}

func (s *sink) Complete(result json.RawMessage, _ *streamer.File) error {
	s.result = string(result)
	return nil
}

func TestEchoReturnsItsPayloadUnaltered(t *testing.T) {
	for payload, want := range map[string]string{
		`{"b":1.10,"a":[9007199254740993,1e400,"<&>\u00e9"]}`: `{"b":1.10,"a":[9007199254740993,1e400,"<&>\u00e9"]}`,
		`"text"`: `"text"`,
		`false`:  `false`,
		``:       `null`,
	} {
		s := &sink{}
		err := handlers.Echo.Bind(handlers.EchoHandler).Handle(t.Context(), &streamer.Request[json.RawMessage]{Payload: json.RawMessage(payload)}, s)
		if err != nil || s.result != want {
			t.Errorf("%s came back as %s, err %v", payload, s.result, err)
		}
	}
}

func TestEchoAsyncTakesEvenSteps(t *testing.T) {
	for payload, want := range map[string][]string{
		`{"message":"hi"}`:                             {"1s 20 Step 1 of 5", "2s 40 Step 2 of 5", "3s 60 Step 3 of 5", "4s 80 Step 4 of 5", "5s 100 Step 5 of 5"},
		`{"message":"hi","duration_ms":0,"steps":2}`:   {"0s 50 Step 1 of 2", "0s 100 Step 2 of 2"},
		`{"message":"hi","duration_ms":100,"steps":1}`: {"100ms 100 Step 1 of 1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &sink{start: time.Now()}
			err := handlers.EchoAsync.Bind(handlers.EchoAsyncHandler).Handle(t.Context(), &streamer.Request[json.RawMessage]{Payload: json.RawMessage(payload)}, s)
			if err != nil || !reflect.DeepEqual(s.said, want) || s.result != `{"message":"hi"}` {
				t.Errorf("%s: said %q, result %s, err %v", payload, s.said, s.result, err)
			}
		})
	}
}

func TestEchoAsyncStopsWithTheCauseOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(2500*time.Millisecond, func() { cancel(streamer.ErrCancelled) })
		s := &sink{start: time.Now()}
		err := handlers.EchoAsync.Bind(handlers.EchoAsyncHandler).Handle(ctx, &streamer.Request[json.RawMessage]{Payload: json.RawMessage(`{"message":"hi"}`)}, s)
		if !errors.Is(err, streamer.ErrCancelled) || len(s.said) != 2 || time.Since(s.start) != 2500*time.Millisecond {
			t.Errorf("err is %v after %v and %q", err, time.Since(s.start), s.said)
		}
	})
}

// book keeps states and what was had once as the engine does. It lets the handler go on
// until the nth save, then no save is the last.
type book struct {
	state json.RawMessage
	once  map[string]json.RawMessage
	saves int
	full  int
	err   error
}

func (b *book) Saved(context.Context) (json.RawMessage, error) { return b.state, b.err }

func (b *book) Save(_ context.Context, state json.RawMessage) error {
	b.state = state
	if b.saves++; b.saves == b.full {
		return streamer.ErrContinue
	}
	return nil
}

func (b *book) Kept(_ context.Context, effect string) (json.RawMessage, bool, error) {
	result, exists := b.once[effect]
	return result, exists, nil
}

func (b *book) Keep(_ context.Context, effect string, result json.RawMessage) (json.RawMessage, error) {
	b.once = map[string]json.RawMessage{effect: result}
	return result, nil
}

func (b *book) HandOver(silence time.Duration) (string, error) {
	return "ticket-" + silence.String(), b.err
}

// shelf keeps files.
type shelf map[string]string

func (s shelf) Put(_ context.Context, name, contentType string, body io.Reader) (streamer.File, error) {
	text, err := io.ReadAll(body)
	s[name] = contentType + ": " + string(text)
	return streamer.File{}, err
}

func TestHandOverLeavesItsTicket(t *testing.T) {
	hand := func(payload string, b *book) (shelf, *sink, error) {
		files, s := shelf{}, &sink{start: time.Now()}
		err := handlers.HandOver.Bind(handlers.HandOverHandler).Handle(streamer.WithKeeper(t.Context(), b),
			&streamer.Request[json.RawMessage]{Payload: json.RawMessage(payload), Files: files}, s)
		return files, s, err
	}
	for payload, want := range map[string]string{`{"work":[7]}`: "ticket-5m0s", `{"silence_ms":1500}`: "ticket-1.5s"} {
		files, s, err := hand(payload, &book{})
		if err != nil || len(files) != 1 || files["ticket.txt"] != "text/plain: "+want || s.result != "" {
			t.Errorf("%s: left %v, completed %q, err %v", payload, files, s.result, err)
		}
	}
	errNo := errors.New("no")
	if files, _, err := hand(`{}`, &book{err: errNo}); !errors.Is(err, errNo) || len(files) != 0 {
		t.Errorf("without a ticket: left %v, err %v", files, err)
	}
}

func TestCountGoesOnFromWhereItWas(t *testing.T) {
	count := func(ctx context.Context, payload string, b *book) (*sink, error) {
		s := &sink{start: time.Now()}
		err := handlers.Count.Bind(handlers.CountHandler).Handle(streamer.WithKeeper(ctx, b), &streamer.Request[json.RawMessage]{Payload: json.RawMessage(payload)}, s)
		return s, err
	}
	synctest.Test(t, func(t *testing.T) {
		b, began := &book{full: 3}, time.Now().UnixMilli()
		s, err := count(t.Context(), `{"to":4}`, b)
		want := []string{"1s 25 Counted 1 of 4", "2s 50 Counted 2 of 4"}
		if !errors.Is(err, streamer.ErrContinue) || !reflect.DeepEqual(s.said, want) || s.result != "" {
			t.Errorf("said %q, result %q, err %v", s.said, s.result, err)
		}
		s, err = count(t.Context(), `{"to":4}`, b)
		want = []string{"1s 75 Counted 3 of 4", "2s 100 Counted 4 of 4"}
		if err != nil || !reflect.DeepEqual(s.said, want) || s.result != fmt.Sprintf(`{"count":4,"runs":2,"began":%d}`, began) {
			t.Errorf("said %q, result %q, err %v", s.said, s.result, err)
		}
	})
	synctest.Test(t, func(t *testing.T) { // saves each second, not each tick
		b := &book{}
		s, err := count(t.Context(), `{"to":1000,"tick_ms":10}`, b)
		if err != nil || !strings.HasPrefix(s.result, `{"count":1000,"runs":1,`) || b.saves != 11 || time.Since(s.start) != 10*time.Second {
			t.Errorf("%d saves, result %q after %s, err %v", b.saves, s.result, time.Since(s.start), err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(500*time.Millisecond, func() { cancel(streamer.ErrCancelled) })
		if s, err := count(ctx, `{"to":1000}`, &book{}); !errors.Is(err, streamer.ErrCancelled) || time.Since(s.start) != 500*time.Millisecond {
			t.Errorf("err %v after %s", err, time.Since(s.start))
		}
		if _, err := count(ctx, `{"to":1000}`, &book{err: errors.ErrUnsupported}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("err %v", err)
		}
	})
}

func TestBadPayloadsNameTheirField(t *testing.T) {
	for _, c := range []struct {
		entry                   streamer.Entry
		payload, field, problem string
	}{
		{handlers.EchoAsync, `{"message":1}`, "message", "a number stands where a string belongs"},
		{handlers.EchoAsync, `{"duration_ms":-1}`, "duration_ms", "-1 is not 0 to 600000 milliseconds"},
		{handlers.EchoAsync, `{"duration_ms":600001}`, "duration_ms", "600001 is not 0 to 600000 milliseconds"},
		{handlers.EchoAsync, `{"duration_ms":1.5}`, "duration_ms", ""},
		{handlers.EchoAsync, `{"duration_ms":"5000"}`, "duration_ms", "a string stands where"},
		{handlers.EchoAsync, `{"steps":0}`, "steps", "0 is not 1 to 1000"},
		{handlers.EchoAsync, `{"steps":1001}`, "steps", "1001 is not 1 to 1000"},
		{handlers.EchoAsync, `{"step":1}`, "step", "unknown field"},
		{handlers.EchoAsync, `[]`, "", ""},

		{handlers.Count, ``, "to", "0 is not 1 to 100000"},
		{handlers.Count, `{"to":100001}`, "to", "100001 is not"},
		{handlers.Count, `{"to":1,"tick_ms":-1}`, "tick_ms", "-1 is not 0 to 60000 milliseconds"},
		{handlers.Count, `{"to":1,"tick_ms":60001}`, "tick_ms", "60001 is not"},
		{handlers.Count, `{"to":1201}`, "tick_ms", "1201 times 1000 milliseconds is over 1200000"},

		{handlers.GenerateReport, ``, "start_date", "missing: a date as YYYY-MM-DD"},
		{handlers.GenerateReport, `{"start_date":"2024-01-01"}`, "end_date", "missing: a date as YYYY-MM-DD"},
		{handlers.GenerateReport, `{"start_date":"01/02/2024","end_date":"2024-01-31"}`, "start_date", `"01/02/2024" is not a date as YYYY-MM-DD, like 2024-01-31`},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-02-30"}`, "end_date", `"2024-02-30" is not a date`},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-01-31T00:00:00Z"}`, "end_date", "is not a date"},
		{handlers.GenerateReport, `{"start_date":20240101,"end_date":"2024-02-30"}`, "start_date", "a number stands where a string belongs"},
		{handlers.GenerateReport, `{"start_date":"2024-02-01","end_date":"2024-01-31"}`, "end_date", "2024-01-31 is before start_date, 2024-02-01"},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2025-01-01"}`, "end_date", "longer than 366 days: end it by 2024-12-31"},
		{handlers.GenerateReport, `{"start_date":"0001-01-01","end_date":"9999-12-31"}`, "end_date", "longer than 366 days"},
		{handlers.HandOver, `{"silence_ms":999}`, "silence_ms", "999 is not 1000 to 43200000 milliseconds"},
		{handlers.HandOver, `{"silence_ms":43200001}`, "silence_ms", "43200001 is not"},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-01-31","format":"PDF"}`, "format", `"PDF" is not "pdf" or "csv"`},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-01-31","tenant":"x"}`, "tenant", "unknown field"},
	} {
		e, ok := streamer.AsError(c.entry.Check(json.RawMessage(c.payload)))
		if !ok {
			t.Errorf("%s %s: accepted", c.entry.Spec().Name, c.payload)
			continue
		}
		field, _ := e.Details["field"].(string)
		if field != c.field || !strings.Contains(e.Message, c.problem) {
			t.Errorf("%s %s: field %q: %s", c.entry.Spec().Name, c.payload, field, e.Message)
		}
	}
}

func TestGoodPayloadsAtTheirBounds(t *testing.T) {
	for _, c := range []struct {
		entry   streamer.Entry
		payload string
	}{
		{handlers.EchoAsync, ``},
		{handlers.EchoAsync, `{"message":"","duration_ms":0,"steps":1}`},
		{handlers.EchoAsync, `{"message":"x","duration_ms":600000,"steps":1000}`},
		{handlers.EchoAsync, `{"duration_ms":null}`},
		{handlers.Count, `{"to":1}`},
		{handlers.Count, `{"to":1200}`},
		{handlers.Count, `{"to":20,"tick_ms":60000}`},
		{handlers.Count, `{"to":100000,"tick_ms":0}`},
		{handlers.HandOver, `{}`},
		{handlers.HandOver, `{"silence_ms":1000}`},
		{handlers.HandOver, `{"silence_ms":43200000,"work":{"any":["thing"]}}`},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-01-01"}`},
		{handlers.GenerateReport, `{"start_date":"2024-01-01","end_date":"2024-12-31","format":"csv"}`},
	} {
		if err := c.entry.Check(json.RawMessage(c.payload)); err != nil {
			t.Errorf("%s %s: %v", c.entry.Spec().Name, c.payload, err)
		}
	}
}

func TestReportDays(t *testing.T) {
	days, err := handlers.ReportIn{StartDate: "2024-02-28", EndDate: "2024-03-01"}.Days()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, day := range days {
		got = append(got, day.Format(time.RFC3339))
	}
	if want := []string{"2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestSampleActionsAreSound(t *testing.T) {
	registry, err := streamer.NewRegistry(handlers.Echo.Bind(handlers.EchoHandler), handlers.EchoAsync, handlers.Count, handlers.HandOver, handlers.GenerateReport)
	if err != nil {
		t.Fatal(err)
	}
	if unbound := registry.Unbound(false); unbound != nil {
		t.Errorf("the router lacks %v", unbound)
	}
}
