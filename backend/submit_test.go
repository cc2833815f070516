package backend

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

func TestSubmit(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		run := w.submit(&SubmitOptions{IdempotencyKey: "order 42", Deadline: 90*time.Second + 300*time.Microsecond})
		row := w.row(run.ID())
		want := lifecycle.Accept(lifecycle.Submission{
			Key:  lifecycle.Key{Tenant: "acme", ID: lifecycle.KeyedID("acme", "ann", "resize", "order 42")},
			User: "ann", Action: "resize", MaxAttempts: 2, Deadline: 90 * time.Second,
			Message: row.Submission, Payload: `{"images":["a&b.png"],"width":1}`, Hash: row.Hash,
		}, time.Now())
		if !reflect.DeepEqual(row, want) || row.Submission == "" || len(row.Hash) != 32 || run.Duplicate() {
			t.Errorf("the row is %+v\nwant %+v", row, want)
		}
		again := w.submit(&SubmitOptions{IdempotencyKey: "order 42"})
		if again.ID() != run.ID() || !again.Duplicate() {
			t.Errorf("again: %s, duplicate %t", again.ID(), again.Duplicate())
		}
		if _, err := Submit(t.Context(), w.ann(), resize, resizeIn{Images: []string{"b"}}, &SubmitOptions{IdempotencyKey: "order 42"}); !isCode(err, protocol.IdempotencyMismatch) {
			t.Errorf("another payload: %v", err)
		}
		if another := w.submit(nil); another.ID() == run.ID() || another.Duplicate() {
			t.Errorf("without a key: %s", another.ID())
		}
		if n := strings.Count(w.metrics.String(), `"RequestsAccepted":1`); n != 2 {
			t.Errorf("metrics %s", &w.metrics)
		}
	})
}

func TestSubmitWhoseAnswerWasLost(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.table.doubled = true
		if run := w.submit(&SubmitOptions{IdempotencyKey: "k"}); run.Duplicate() {
			t.Error("its own put is taken for an earlier one")
		}
	})
}

func TestLargePayloads(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		for _, c := range []struct {
			bytes int
			at    lifecycle.Place
		}{{100, ""}, {1000, lifecycle.PlaceItem}, {30_000, lifecycle.PlaceObject}} {
			in := resizeIn{Images: []string{strings.Repeat("x", c.bytes)}}
			run, err := Submit(t.Context(), w.ann(), resize, in, nil)
			if err != nil {
				t.Fatal(err)
			}
			row := w.row(run.ID())
			payload := []byte(row.Payload)
			switch c.at {
			case lifecycle.PlaceItem:
				doc, err := w.table.Payload(t.Context(), row.Key(), row.Hash)
				if payload = []byte(doc); err != nil {
					t.Error(err)
				}
			case lifecycle.PlaceObject:
				for _, payload = range w.bucket.documents {
				}
			}
			want, _ := json.Marshal(in)
			if row.PayloadAt != c.at || string(payload) != string(want) {
				t.Errorf("%d bytes: at %q, %.100s", c.bytes, row.PayloadAt, payload)
			}
		}
	})
}

func TestRefusedSubmissions(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		good := resizeIn{Images: []string{"a"}}
		submit := func(c *Client, name string, in any, o SubmitOptions) error {
			_, err := Submit(t.Context(), c, streamer.Action[any, resizeOut]{Name: name}, in, &o)
			return err
		}
		for name, c := range map[string]struct {
			err  error
			code protocol.Code // empty: an error of another kind
			want string
		}{
			"no such action":     {submit(w.ann(), "enlarge", good, SubmitOptions{}), protocol.UnknownAction, `there is no async action "enlarge"`},
			"a sync action":      {submit(w.ann(), "ping", nil, SubmitOptions{}), protocol.UnknownAction, `there is no async action "ping"`},
			"a field missing":    {submit(w.ann(), "resize", resizeIn{}, SubmitOptions{}), protocol.InvalidPayload, "images: missing"},
			"no payload":         {submit(w.ann(), "resize", nil, SubmitOptions{}), protocol.InvalidPayload, "images: missing"},
			"another type":       {submit(w.ann(), "resize", map[string]any{"images": 1}, SubmitOptions{}), protocol.InvalidPayload, "images: "},
			"a field too many":   {submit(w.ann(), "resize", map[string]any{"images": []string{"a"}, "size": 1}, SubmitOptions{}), protocol.InvalidPayload, "size: unknown field"},
			"a field twice":      {submit(w.ann(), "resize", json.RawMessage(`{"images":["a"],"images":["b"]}`), SubmitOptions{}), protocol.BadMessage, "payload.images"},
			"no JSON":            {submit(w.ann(), "resize", json.RawMessage(`{`), SubmitOptions{}), "", "payload is not JSON"},
			"nor that":           {submit(w.ann(), "resize", func() {}, SubmitOptions{}), "", "payload is not JSON"},
			"over the limit":     {submit(w.ann(), "resize", resizeIn{Images: []string{strings.Repeat("x", protocol.MaxUpload)}}, SubmitOptions{}), protocol.MessageTooLarge, "limit"},
			"a key too long":     {submit(w.ann(), "resize", good, SubmitOptions{IdempotencyKey: strings.Repeat("k", 129)}), protocol.BadMessage, "idempotency_key: "},
			"a deadline too far": {submit(w.ann(), "resize", good, SubmitOptions{Deadline: 14 * 24 * time.Hour}), protocol.BadMessage, "deadline_ms: "},
			"one in the past":    {submit(w.ann(), "resize", good, SubmitOptions{Deadline: -time.Hour}), protocol.BadMessage, "deadline_ms: "},
			"one without a unit": {submit(w.ann(), "resize", good, SubmitOptions{Deadline: 30}), protocol.BadMessage, "deadline_ms: "},
			"no tenant":          {submit(w.As("", "ann"), "resize", good, SubmitOptions{}), "", `tenant "" is not 1 to 64`},
			"a key as tenant":    {submit(w.As("acme#R#1", "ann"), "resize", good, SubmitOptions{}), "", `tenant "acme#R#1" is not`},
			"no user":            {submit(w.As("acme", ""), "resize", good, SubmitOptions{}), "", `user "" is not 1 to 128`},
			"a user with a line": {submit(w.As("acme", "a\nb"), "resize", good, SubmitOptions{}), "", "without control characters"},
		} {
			e, typed := streamer.AsError(c.err)
			if c.err == nil || typed != (c.code != "") || typed && e.Code != c.code || !strings.Contains(c.err.Error(), c.want) {
				t.Errorf("%s: %v", name, c.err)
			}
		}
		if w.metrics.Len() != 0 {
			t.Errorf("metrics %s", &w.metrics)
		}
		w.table.err = errAway
		if err := submit(w.ann(), "resize", good, SubmitOptions{}); !errors.Is(err, errAway) || err.Error() != "resize: the table is away" {
			t.Errorf("without a table: %v", err)
		}
	})
}

func TestNew(t *testing.T) {
	good := Config{AWS: aws.Config{Region: "eu-central-1"}, RequestsTable: "r", FilesBucket: "f"}
	if b, err := New(good, resize); err != nil || b == nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"Config.AWS has no region":        func(c *Config) { c.AWS.Region = "" },
		"Config.RequestsTable is empty":   func(c *Config) { c.RequestsTable = "" },
		"Config.FilesBucket is empty":     func(c *Config) { c.FilesBucket = "" },
		`action "resize": declared twice`: func(*Config) {},
	} {
		c := good
		change(&c)
		if _, err := New(c, resize, resize); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
