package queue_test

import (
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
)

// FuzzDecode: what is taken for a hint is one JSON document that names a tenant and a
// canonical id, and writing it gives a hint for the same request.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		`{"v":1,"tenant":"acme","request_id":"01JGH00000000000000000000A"}`,
		`{"v":1,"tenant":"acme","request_id":"01JGH00000000000000000000A"} {}`,
		`{"v":1,"tenant":"acme","request_id":"01JGH00000000000000000000A"}x`,
		`{"V":1,"Tenant":"a#R#b","REQUEST_ID":"01JGH00000000000000000000A","x":[]}`,
		`{"v":2,"tenant":"acme","request_id":"01JGH00000000000000000000A"}`,
		`{"v":1,"tenant":"\ud800","request_id":"01jgh00000000000000000000a"}`, `null`, ``,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		key, err := queue.Decode(body)
		if err != nil {
			if len(err.Error()) > 1500 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		if !json.Valid([]byte(body)) || key.Tenant == "" || !lifecycle.ValidID(key.ID) {
			t.Fatalf("%q is taken as %+v", body, key)
		}
		again, err := queue.Encode(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := queue.Decode(again); err != nil || got != key {
			t.Fatalf("%q is %+v, and %q is %+v, %v", body, key, again, got, err)
		}
	})
}

// FuzzParseWorkers: workers are refused, or each has a queue and actions of its own alone.
func FuzzParseWorkers(f *testing.F) {
	for _, text := range []string{
		twoWorkers, ``, `null`, `{}`, `[]`, `{"a":null}`, `{"":{"queue":"q","actions":["x"]}}`, `{"a":{"queue":"q","actions":["x","x"]}}`,
		`{"a":{"queue":"q","actions":["x"]},"b":{"queue":"q","actions":["x"]}}`, `{"a":{"queue":"q","actions":["x"]},"a":{"queue":"r","actions":["y"]}}`, `{"a":{"queue":"q","actions":[""]}}x`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		workers, err := queue.ParseWorkers(text)
		if err != nil {
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Fatalf("%q is taken", text)
		}
		for name, w := range workers {
			if name == "" || w.Queue == "" || len(w.Actions) == 0 {
				t.Errorf("%q has the worker %q: %+v", text, name, w)
			}
			for _, action := range w.Actions {
				if of := workers.Of(action); of != name {
					t.Errorf("%q: %s is an action of %s and of %s", text, action, name, of)
				}
			}
		}
	})
}
