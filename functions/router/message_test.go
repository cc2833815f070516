package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

type (
	request  = streamer.Request[json.RawMessage]
	reporter = streamer.Reporter[any]
)

var echoAsync = streamer.Action[json.RawMessage, any]{Name: "echo_async", Async: true, Attempts: 4}

// does is a sync action with this handler.
func does(name string, h func(context.Context, *request, reporter) error) streamer.Binding {
	return streamer.Action[json.RawMessage, any]{Name: name, Timeout: 2 * time.Second}.Bind(h)
}

func completes(name string, result any) streamer.Binding {
	return does(name, func(_ context.Context, _ *request, r reporter) error { return r.Complete(result) })
}

func TestSyncActions(t *testing.T) {
	type document struct {
		streamer.File
		Pages int    `json:"pages"`
		Note  string `json:"note"`
	}
	var second error
	w := open(t,
		does("echo", func(_ context.Context, req *request, r reporter) error { return r.Complete(req.Payload) }),
		does("who", func(_ context.Context, req *request, r reporter) error {
			return r.Complete([]any{req.ID, req.Action, req.Tenant, req.User, req.Attempt, req.CreatedAt.UnixMilli(), req.Deadline.Sub(req.CreatedAt)})
		}),
		does("silent", func(context.Context, *request, reporter) error { return nil }),
		does("reports", func(_ context.Context, _ *request, r reporter) error {
			r.Report(50, "half")
			r.Step(75, "more")
			return r.Complete(1)
		}),
		does("twice", func(_ context.Context, _ *request, r reporter) error {
			if err := r.Complete("first"); err != nil {
				return err
			}
			second = r.Complete("second")
			return second
		}),
		does("late-error", func(_ context.Context, _ *request, r reporter) error {
			return errors.Join(r.Complete("done"), errors.New("secret: could not tidy up"))
		}),
		does("late-panic", func(_ context.Context, _ *request, r reporter) error {
			if err := r.Complete("done"); err != nil {
				return err
			}
			panic("secret")
		}),
		does("file", func(ctx context.Context, req *request, r reporter) error {
			f, err := req.Files.Put(ctx, "a.pdf", "application/pdf", strings.NewReader("1234567"))
			if err != nil {
				return err
			}
			return r.Complete(document{f, 2, "<b>"})
		}),
	)
	for action, want := range map[string]string{
		`"echo","payload":{"a":[1.10,9007199254740993,"<&>"]}`: `{"a":[1.10,9007199254740993,"<&>"]}`,
		`"echo"`:       `null`,
		`"who"`:        `["ID","who","acme","ann",1,1768857208012,2000000000]`,
		`"silent"`:     `null`,
		`"reports"`:    `1`,
		`"twice"`:      `"first"`,
		`"late-error"`: `"done"`,
		`"late-panic"`: `"done"`,
		`"file"`:       `{"expires_at":1768858108012,"note":"<b>","pages":2,"size":7,"url":"https://b.example/t/acme/ID/a.pdf?a=1&b=2"}`,
	} {
		f := w.say(t, `{"id":"m1","action":`+action+`}`)
		r, ok := f.(protocol.Response)
		if !ok {
			t.Errorf("%s: answered %+v", action, f)
			continue
		}
		want = strings.ReplaceAll(want, "ID", r.RequestID)
		if r.ID != "m1" || r.TS != start.UnixMilli() || len(r.RequestID) != 26 || string(r.Result) != want {
			t.Errorf("%s: answered %+v with %s, want %s", action, r, r.Result, want)
		}
	}
	if second == nil || len(w.posted.posts) != 0 || w.metrics.Sums()["RequestsAnswered twice"] != 1 || len(w.metrics.Sums()) != 8 {
		t.Errorf("the second result: err %v; posted %v, metrics %v", second, w.posted.posts, w.metrics.Sums())
	}
	if n := strings.Count(w.log.String(), "handler failed after it had completed"); n != 3 {
		t.Errorf("%d failures after the result are logged: %s", n, w.log)
	}
}

func TestSyncActionsThatFail(t *testing.T) {
	w := open(t,
		does("plain", func(context.Context, *request, reporter) error { return errors.New("secret: dial 10.0.0.7") }),
		does("panics", func(context.Context, *request, reporter) error { panic("secret") }),
		does("nil-pointer", func(_ context.Context, req *request, _ reporter) error { req = nil; return errors.New(req.ID) }),
		does("typed", func(context.Context, *request, reporter) error {
			return fmt.Errorf("secret: %w", &streamer.Error{Code: "NO_FUNDS", Message: "too poor", Details: map[string]any{"missing": 5}})
		}),
		does("retryable", func(context.Context, *request, reporter) error {
			return &streamer.Error{Code: "BUSY", Message: "later", Retryable: true}
		}),
		does("codeless", func(context.Context, *request, reporter) error { return &streamer.Error{Message: "no code"} }),
		does("typed-nil", func(context.Context, *request, reporter) error { return (*streamer.Error)(nil) }),
		does("long", func(context.Context, *request, reporter) error {
			return streamer.Errorf("LONG", "%s", strings.Repeat("a", 499)+"é"+strings.Repeat("b", 50_000))
		}),
		does("details-too-large", func(context.Context, *request, reporter) error {
			return &streamer.Error{Code: "LARGE", Message: "m", Details: map[string]any{"all": strings.Repeat("a", 40_000)}}
		}),
		does("details-no-json", func(context.Context, *request, reporter) error {
			return &streamer.Error{Code: "NAN", Message: "m", Details: map[string]any{"n": math.NaN(), "c": make(chan int)}}
		}),
		does("details-panic", func(context.Context, *request, reporter) error {
			return &streamer.Error{Code: "PANIC", Message: "m", Details: map[string]any{"p": panics{}}}
		}),
		does("result-no-json", func(_ context.Context, _ *request, r reporter) error { return r.Complete(func() {}) }),
		does("result-panic", func(_ context.Context, _ *request, r reporter) error { return r.Complete(panics{}) }),
		completes("result-too-large", strings.Repeat("a", protocol.MaxFrame)),
		completes("result-just-too-large", strings.Repeat("a", protocol.MaxFrame-100)),
		streamer.Action[struct{ N int }, any]{Name: "strict"}.Bind(func(context.Context, *streamer.Request[struct{ N int }], reporter) error { return nil }),
	)
	for action, want := range map[string]protocol.Error{
		"plain":                 {Code: protocol.Internal, Retryable: true},
		"panics":                {Code: protocol.Internal, Retryable: true},
		"nil-pointer":           {Code: protocol.Internal, Retryable: true},
		"typed":                 {Code: "NO_FUNDS", Message: "too poor", Details: map[string]any{"missing": 5.0}},
		"retryable":             {Code: "BUSY", Message: "later", Retryable: true},
		"codeless":              {Code: protocol.Internal, Message: "no code"},
		"typed-nil":             {Code: protocol.Internal, Retryable: true},
		"long":                  {Code: "LONG", Message: strings.Repeat("a", 499)},
		"details-too-large":     {Code: "LARGE", Message: "m"},
		"details-no-json":       {Code: "NAN", Message: "m"},
		"details-panic":         {Code: "PANIC", Message: "m"},
		"result-no-json":        {Code: protocol.Internal, Retryable: true},
		"result-panic":          {Code: protocol.Internal, Retryable: true},
		"result-too-large":      {Code: protocol.ResultTooLarge},
		"result-just-too-large": {Code: protocol.ResultTooLarge},
		"strict":                {Code: protocol.InvalidPayload, Message: "x: unknown field", Details: map[string]any{"field": "x"}},
		"unknown":               {Code: protocol.UnknownAction},
	} {
		t.Run(action, func(t *testing.T) {
			w.log.Reset()
			w.metrics.Reset()
			f := w.refused(t, w.message(t, `{"id":"m1","action":"`+action+`","payload":{"x":1}}`), want.Code)
			if want.Message == "" {
				want.Message = f.Message
			}
			if want.ID, want.TS = "m1", start.UnixMilli(); !reflect.DeepEqual(f, want) {
				t.Errorf("answered %+v, want %+v", f, want)
			}
			quiet(t, f)
			if f.Message == want.Message && want.Code == protocol.Internal && want.Retryable && !strings.Contains(w.log.String(), `"level":"ERROR"`) {
				t.Errorf("what a client must not know is not in the log: %s", w.log)
			}
			if w.metrics.Sums()["MessagesRefused "+string(want.Code)] != 1 {
				t.Errorf("metrics %v", w.metrics.Sums())
			}
		})
	}
}

// panics cannot be written as JSON.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("secret") }

func TestAFrameMayHaveAllOfItsLimit(t *testing.T) {
	largest := 0
	for n := protocol.MaxFrame - 120; n < protocol.MaxFrame; n++ {
		w := open(t, completes("fill", strings.Repeat("a", n)))
		body := w.invoke(t, t.Context(), w.message(t, `{"action":"fill"}`)).Body
		f, err := protocol.DecodeFrame([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if f.Type() == protocol.TypeResponse {
			largest = len(body)
		}
	}
	if largest != protocol.MaxFrame {
		t.Errorf("the largest frame has %d bytes, the limit is %d", largest, protocol.MaxFrame)
	}
}

func TestASyncActionThatTakesTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		handler func(context.Context, *request, reporter) error
		want    string // of the answer
		after   time.Duration
	}{
		"heeds its context": {func(ctx context.Context, _ *request, _ reporter) error {
			<-ctx.Done()
			return errors.New("secret: gave up")
		}, "TIMEOUT", 2 * time.Second},
		"heeds it too well": {func(ctx context.Context, _ *request, _ reporter) error {
			<-ctx.Done()
			return &streamer.Error{Code: "OTHER", Message: "secret"}
		}, "TIMEOUT", 2 * time.Second},
		"ignores its context": {func(context.Context, *request, reporter) error {
			time.Sleep(time.Minute)
			return nil
		}, "TIMEOUT", 2 * time.Second},
		"completes too late": {func(_ context.Context, _ *request, r reporter) error {
			time.Sleep(time.Minute)
			return r.Complete("late")
		}, "TIMEOUT", 2 * time.Second},
		"goes on after its result": {func(_ context.Context, _ *request, r reporter) error {
			err := r.Complete("done")
			time.Sleep(time.Minute)
			return err
		}, "done", 2 * time.Second},
		"is just in time": {func(_ context.Context, _ *request, r reporter) error {
			time.Sleep(2*time.Second - 1)
			return r.Complete("done")
		}, "done", 2*time.Second - 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := open(t, does("slow", c.handler))
			began := time.Now()
			f := w.say(t, `{"id":"m1","action":"slow"}`)
			text, err := protocol.Encode(f)
			if err != nil || !strings.Contains(string(text), `"`+c.want+`"`) || !strings.Contains(string(text), `"id":"m1"`) || time.Since(began) != c.after {
				t.Errorf("%s: answered %s after %s, err %v", name, text, time.Since(began), err)
			}
			quiet(t, f)
			time.Sleep(time.Hour) // the handler ends
		})
	}
}

// TestEveryMessageIsAnsweredInTime: API Gateway gives up after 29 seconds, Lambda when
// the function's time is up.
func TestEveryMessageIsAnsweredInTime(t *testing.T) {
	for limit, most := range map[time.Duration]time.Duration{0: 28 * time.Second, 29 * time.Second: 28 * time.Second, 5 * time.Second: 4500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if limit != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, limit)
				defer cancel()
			}
			w := open(t, echoAsync)
			w.Requests = hanging{w.requests}
			began := time.Now()
			f, ok := w.sendWith(t, ctx, w.message(t, `{"id":"m1","action":"echo_async"}`)).(protocol.Error)
			if took := time.Since(began); !ok || f.Code != protocol.Unavailable || f.ID != "m1" || !f.Retryable || took > most || ctx.Err() != nil {
				t.Errorf("of %s: answered %+v after %s", limit, f, took)
			}
		})
	}
}

func TestMessagesThatAreNotUnderstood(t *testing.T) {
	w := open(t, completes("echo", 1), echoAsync)
	for body, code := range map[string]protocol.Code{
		"":                        protocol.BadMessage,
		" ":                       protocol.BadMessage,
		"x":                       protocol.BadMessage,
		"[]":                      protocol.BadMessage,
		"null":                    protocol.BadMessage,
		`{}`:                      protocol.BadMessage,
		`{"action":"echo"}{}`:     protocol.BadMessage,
		`{"action":7}`:            protocol.BadMessage,
		`{"action":"Echo"}`:       protocol.BadMessage,
		`{"action":"echo","x":1}`: protocol.BadMessage,
		`{"action":"echo\u0000"}`: protocol.BadMessage,
		`{"action":"` + strings.Repeat("a", 20_000) + `"}`:                   protocol.BadMessage,
		`{"action":"echo","payload":"` + strings.Repeat("a", 28*1024) + `"}`: protocol.MessageTooLarge,
		`{"action":"echo","request_id":"01JGH000000000000000000001"}`:        protocol.BadMessage,
		`{"action":"echo_async","request_id":"01JGH000000000000000000001"}`:  protocol.BadMessage,
		`{"action":"streamer.lists"}`:                                        protocol.UnknownAction,
		`{"action":"streamer.upload"}`:                                       protocol.InvalidPayload,
		`{"action":"streamer.get","payload_ref":"x"}`:                        protocol.BadMessage,
		`{"action":"echo","payload":1,"payload_ref":"x"}`:                    protocol.BadMessage,
		`{"action":"echo","payload_ref":7}`:                                  protocol.BadMessage,
		`{"action":"streamer.nope","payload":{}}`:                            protocol.UnknownAction,
		`{"action":"streamer."}`:                                             protocol.UnknownAction,
		`{"action":"streamer"}`:                                              protocol.UnknownAction,
	} {
		w.log.Reset()
		f := w.refused(t, w.message(t, body), code)
		quiet(t, f)
		if w.log.Len() > 1000 || strings.Count(w.log.String(), "\n") != 1 || !strings.Contains(w.log.String(), string(code)) {
			t.Errorf("%.60s: log has %d bytes: %.1000s", body, w.log.Len(), w.log)
		}
	}
	f := w.refused(t, w.message(t, `{"id":"m9","action":"streamer.nope"}`), protocol.UnknownAction)
	if f.ID != "m9" || f.Message != `there is no action "streamer.nope"` || f.Retryable {
		t.Errorf("answered %+v", f)
	}
	if f := w.refused(t, w.message(t, `{"id":"m9","action":"echo","wrong":1}`), protocol.BadMessage); f.ID != "m9" || f.Details["field"] != "wrong" {
		t.Errorf("answered %+v", f)
	}
}

func TestBinaryFrames(t *testing.T) {
	w := open(t)
	ev := w.message(t, "eyJhY3Rpb24iOiJzdHJlYW1lci5waW5nIn0=")
	ev.IsBase64Encoded = true
	if f := w.refused(t, ev, protocol.BadMessage); !strings.Contains(f.Message, "send text") {
		t.Errorf("answered %+v", f)
	}
}

func TestPing(t *testing.T) {
	w := open(t)
	if f := w.send(t, event(t, "message")); f != (protocol.Pong{Answer: protocol.Answer{ID: "m1", TS: start.UnixMilli()}}) {
		t.Errorf("answered %+v", f)
	}
}

func TestARouterThatPanicsAnswers(t *testing.T) {
	w := open(t, echoAsync)
	w.requests.fail = func(string) error { panic("secret") }
	for _, body := range []string{
		`{"id":"m1","action":"echo_async"}`,
		`{"id":"m1","action":"streamer.get","request_id":"01JGH000000000000000000001"}`,
		`{"id":"m1","action":"streamer.subscribe","request_id":"01JGH000000000000000000001"}`,
	} {
		f := w.refused(t, w.message(t, body), protocol.Internal)
		if f.ID != "m1" || !f.Retryable || !strings.Contains(w.log.String(), "router panicked: secret") {
			t.Errorf("answered %+v, log %s", f, w.log)
		}
		quiet(t, f)
	}
	w = open(t, streamer.Action[panicking, any]{Name: "validates"}.Bind(func(context.Context, *streamer.Request[panicking], reporter) error { return nil }))
	quiet(t, w.refused(t, w.message(t, `{"action":"validates"}`), protocol.Internal))
}

// panicking is a payload whose validation is broken.
type panicking struct{}

func (*panicking) Validate() error { panic("secret") }

// hanging is a table that does not answer.
type hanging struct{ *table }

func (hanging) Create(ctx context.Context, _ lifecycle.Row, _ time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}
