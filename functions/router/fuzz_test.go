package router_test

import (
	"context"
	"testing"
	"unicode/utf8"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// FuzzMessage: every message is answered with exactly one frame that fits, by whomever it
// is sent; only who is known gets more than a refusal; and only what is accepted is stored.
func FuzzMessage(f *testing.F) {
	const id = "01JGH000000000000000000001"
	for _, body := range []string{
		`{"action":"streamer.ping","id":"m1"}`, `{"action":"strict","payload":{"N":1}}`, `{"action":"strict","payload":{"N":1.5}}`,
		`{"action":"echo_async","payload":{"a":1},"idempotency_key":"k","deadline_ms":1000}`, `{"action":"echo_async","payload_ref":"` + id + `.1.x"}`,
		`{"action":"streamer.get","request_id":"` + id + `"}`, `{"action":"streamer.subscribe","payload":{"request_id":"../x"}}`, `{"action":"streamer.cancel","payload":{"request_id":7}}`,
		`{"action":"streamer.unsubscribe","request_id":"` + id + `","payload":[]}`,
		`{"action":"streamer.upload","payload":{"size":1,"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}`,
		`{"action":"streamer.list"}`, `{"action":"streamer.list","payload":{"status":"open","limit":50,"page":"1.` + id + `.x"}}`,
		`{"action":"streamer.upload","payload":{"size":-1,"sha256":"E3","content_type":"text/plain"}}`, ``, `[]`,
	} {
		f.Add(body, false, "acme", "ann", "1900000000")
	}
	f.Add(`{"action":"streamer.ping"}`, true, "acme", "ann", "1900000000")
	f.Add(`{"action":"streamer.ping"}`, false, "", "ann", "1900000000")
	f.Add(`{"action":"streamer.ping"}`, false, "acme", "ann", "1")
	f.Add(`{"action":"streamer.ping"}`, false, "acme", "ann", "9999999999999999999")
	strict := streamer.Action[struct{ N int }, any]{Name: "strict"}.Bind(func(context.Context, *streamer.Request[struct{ N int }], reporter) error { return nil })
	f.Fuzz(func(t *testing.T, body string, binary bool, tenant, user, expires string) {
		if !utf8.ValidString(tenant + user) {
			return // an event is JSON
		}
		w := open(t, strict, echoAsync)
		ev := as(w.message(t, body), tenant, user, "c1")
		ev.IsBase64Encoded = binary
		ev.RequestContext.Authorizer.(map[string]any)["exp"] = expires
		frame := w.send(t, ev)
		e, refused := frame.(protocol.Error)
		if refused && e.Code == protocol.Internal {
			t.Errorf("%q: %+v\n%s", body, e, w.log)
		}
		if !refused && (binary || tenant == "" || user == "") {
			t.Errorf("%q of nobody is answered with %+v", body, frame)
		}
		if a, ok := frame.(protocol.Accepted); ok {
			if a.Status != protocol.Pending || w.row(t, tenant, a.RequestID).User != user {
				t.Errorf("%q: %+v", body, a)
			}
		}
	})
}
