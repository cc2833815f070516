package streamer_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

type period struct {
	From string    `json:"from"`
	At   time.Time `json:"at"`
}

type orderIn struct {
	period
	Name  string `json:"name"`
	Count *int   `json:"count,omitempty"`
	Lines []struct {
		Item struct {
			SKU string `json:"sku"`
			Qty int8   `json:"qty"`
		} `json:"item"`
	} `json:"lines"`
	ByName  map[string]period `json:"by_name"`
	Free    any               `json:"free"`
	Raw     json.RawMessage   `json:"raw"`
	Private string            `json:"-"`
}

var order = streamer.Action[orderIn, string]{Name: "order", Async: true}

func (in *orderIn) Validate() error {
	switch in.Name {
	case "typed":
		return streamer.Errorf("SOLD_OUT", "no more %s", in.Name)
	case "wrapped":
		return errors.Join(errors.New("outer"), streamer.Invalid("name", "is %q", in.Name))
	case "plain":
		return errors.New("name is plain")
	case "":
		in.Name = "default"
	}
	return nil
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ payload, field, message string }{
		{`{"nmae":"x"}`, "nmae", "nmae: unknown field"},
		{`{"name":1}`, "name", "name: a number stands where a string belongs"},
		{`{"from":1}`, "from", "from: a number stands where a string belongs"},
		{`{"period":{"from":"x"}}`, "period", "period: unknown field"},
		{`{"Private":"x"}`, "Private", "Private: unknown field"},
		{`{"lines":[{},{"item":{"sku":"a","colour":"red"}}]}`, "lines.item.colour", "lines.item.colour: unknown field"},
		{`{"free":{"colour":1},"raw":{"colour":2},"by_name":{"a":{"colour":3}}}`, "by_name.a.colour", "by_name.a.colour: unknown field"},
		{`{"lines":[{"item":{"qty":300}}]}`, "lines.item.qty", "lines.item.qty: 300 stands where a whole number (int8) belongs"},
		{`{"lines":[{"item":[]}]}`, "lines.item", "lines.item: an array stands where an object belongs"},
		{`{"lines":{}}`, "lines", "lines: an object stands where an array belongs"},
		{`{"count":"1"}`, "count", "count: a string stands where a whole number (int) belongs"},
		{`{"at":"today"}`, "", ""},
		{`[]`, "", "an array stands where an object belongs"},
		{`{"name":"wrapped"}`, "name", `name: is "wrapped"`},
		{`{"name":"plain"}`, "", "name is plain"},
	} {
		err := order.Check(json.RawMessage(c.payload))
		e, ok := streamer.AsError(err)
		if !ok || e.Code != protocol.InvalidPayload || e.Retryable {
			t.Errorf("%s: err is %v", c.payload, err)
			continue
		}
		field, _ := e.Details["field"].(string)
		if field != c.field || (c.message != "" && e.Message != c.message) || e.Message == "" {
			t.Errorf("%s: field %q, message %q", c.payload, field, e.Message)
		}
	}
	if e, ok := streamer.AsError(order.Check(json.RawMessage(`{"name":"typed"}`))); !ok || e.Code != "SOLD_OUT" {
		t.Errorf("an *Error of Validate became %v", e)
	}
	for _, good := range []string{``, `null`, `{}`, `{"name":"x","count":null,"free":{"any":1},"raw":[1],"at":"2024-01-01T00:00:00Z"}`} {
		if err := order.Check(json.RawMessage(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestHandlersGetTheRequestTyped(t *testing.T) {
	created := time.Now()
	req := &streamer.Request[json.RawMessage]{
		ID: "R", Action: "order", Tenant: "acme", User: "u", Attempt: 2,
		CreatedAt: created, Deadline: created.Add(time.Hour), Payload: json.RawMessage(`{"from":"here","count":3}`), Files: noFiles{},
	}
	var got *streamer.Request[orderIn]
	err := order.Bind(func(_ context.Context, req *streamer.Request[orderIn], r streamer.Reporter[string]) error {
		got = req
		return nil
	}).Handle(t.Context(), req, &recorder{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Payload.Name != "default" || got.Payload.From != "here" || *got.Payload.Count != 3 {
		t.Errorf("payload %+v", got.Payload)
	}
	// Every other field is the engine's own, those included that are added later.
	from, to := reflect.ValueOf(*req), reflect.ValueOf(*got)
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		if name != "Payload" && (from.Field(i).IsZero() || !reflect.DeepEqual(from.Field(i).Interface(), to.FieldByName(name).Interface())) {
			t.Errorf("%s is %v, want %v", name, to.FieldByName(name), from.Field(i))
		}
	}
}

type noFiles struct{ streamer.Files }

func TestHandleRefusesABadPayload(t *testing.T) {
	err := order.Bind(func(context.Context, *streamer.Request[orderIn], streamer.Reporter[string]) error {
		t.Error("the handler ran")
		return nil
	}).Handle(t.Context(), &streamer.Request[json.RawMessage]{Payload: json.RawMessage(`{"x":1}`)}, &recorder{})
	if e, ok := streamer.AsError(err); !ok || e.Code != protocol.InvalidPayload {
		t.Errorf("err is %v", err)
	}
}

func TestPanicsAndErrorsPassThrough(t *testing.T) {
	boom := errors.New("boom")
	failing := order.Bind(func(context.Context, *streamer.Request[orderIn], streamer.Reporter[string]) error { return boom })
	if err := failing.Handle(t.Context(), &streamer.Request[json.RawMessage]{}, &recorder{}); err != boom {
		t.Errorf("err is %v", err)
	}
	defer func() {
		if p := recover(); p != boom {
			t.Errorf("recovered %v", p)
		}
	}()
	panicking := order.Bind(func(context.Context, *streamer.Request[orderIn], streamer.Reporter[string]) error { panic(boom) })
	panicking.Handle(t.Context(), &streamer.Request[json.RawMessage]{}, &recorder{})
	t.Error("the panic was caught")
}

func TestSpecFillsInDefaults(t *testing.T) {
	for _, c := range []struct{ got, want streamer.Spec }{
		{streamer.Action[int, int]{Name: "a"}.Spec(), streamer.Spec{Name: "a", Timeout: streamer.MaxSyncTimeout, Attempts: 1}},
		{streamer.Action[int, int]{Name: "a", Async: true}.Spec(), streamer.Spec{
			Name: "a", Async: true, Timeout: streamer.MaxTimeout, Attempts: streamer.DefaultAttempts, Backoff: streamer.Backoff{First: time.Second, Most: time.Minute},
		}},
		{streamer.Action[int, int]{Name: "a", Async: true, Timeout: time.Second, Attempts: 7, Backoff: streamer.Backoff{First: time.Hour}}.Spec(), streamer.Spec{
			Name: "a", Async: true, Timeout: time.Second, Attempts: 7, Backoff: streamer.Backoff{First: time.Hour, Most: time.Hour},
		}},
	} {
		if c.got != c.want {
			t.Errorf("got %+v, want %+v", c.got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	if e := streamer.Errorf("NO_STOCK", "only %d left", 3); e.Error() != "NO_STOCK: only 3 left" || e.Retryable {
		t.Errorf("got %+v", e)
	}
	if e := streamer.Invalid("a.b", "100%% of %d", 3); e.Message != "a.b: 100% of 3" || !reflect.DeepEqual(e.Details, map[string]any{"field": "a.b"}) {
		t.Errorf("got %+v", e)
	}
	if e := streamer.Invalid("", "nothing fits"); e.Message != "nothing fits" || e.Details != nil {
		t.Errorf("got %+v", e)
	}
	var none *streamer.Error
	for _, err := range []error{nil, errors.New("plain"), none} {
		if e, ok := streamer.AsError(err); ok {
			t.Errorf("%v is taken for %+v", err, e)
		}
	}
}

func TestALongPayloadDoesNotComeBackWhole(t *testing.T) {
	e, _ := streamer.AsError(order.Check(json.RawMessage(`{"` + strings.Repeat("x", 20_000) + `":1}`)))
	if e == nil || len(e.Error()) > 500 {
		t.Errorf("the refusal has %d bytes", len(e.Error()))
	}
}
