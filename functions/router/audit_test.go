package router_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// records are what the audit log has, as verb, outcome, code, tenant/subject, request,
// action and link.
func records(t *testing.T, out *bytes.Buffer) (short []string) {
	t.Helper()
	dec := json.NewDecoder(out)
	for dec.More() {
		var r map[string]string
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r["address"] != "203.0.113.7" || r["connection"] == "" {
			t.Errorf("from nowhere: %v", r)
		}
		line := []string{r["verb"], r["outcome"], r["code"], r["tenant"] + "/" + r["subject"], r["request"], r["action"], r["link"]}
		short = append(short, strings.Join(strings.Fields(strings.Join(line, " ")), " "))
	}
	return short
}

// A connection that was signed for has no authorizer that told who it is, at its end either.
func TestAuditOfSignedConnections(t *testing.T) {
	w := open(t, echoAsync)
	var out bytes.Buffer
	w.Router.Audit, w.Router.IAM = audit.To(&out), &contract.IAM{Tenant: "acme"}
	signed := event(t, "connect")
	signed.RequestContext.Authorizer, signed.RequestContext.Identity.Caller = nil, "AIDAEXAMPLE"
	w.invoke(t, t.Context(), signed)
	gone := event(t, "disconnect")
	gone.RequestContext.Authorizer = nil
	w.invoke(t, t.Context(), gone)
	w.invoke(t, t.Context(), gone) // again, when nobody knows it any more
	want := []string{"connect accepted acme/AIDAEXAMPLE", "disconnect accepted acme/AIDAEXAMPLE", "disconnect accepted /"}
	if got := records(t, &out); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAudit(t *testing.T) {
	w := open(t, echoAsync)
	var out bytes.Buffer
	w.Router.Audit = audit.To(&out)
	w.invoke(t, t.Context(), event(t, "connect"))
	nobody := event(t, "connect")
	nobody.RequestContext.Authorizer = nil
	w.invoke(t, t.Context(), nobody)
	w.say(t, `{"action":"streamer.ping"}`)

	keyed := `{"action":"echo_async","idempotency_key":"k","payload":{"secret":1}}`
	id := w.accept(t, w.message(t, keyed))
	w.say(t, keyed)
	w.refused(t, w.message(t, `{"action":"echo_async","idempotency_key":"k","payload":{"secret":2}}`), protocol.IdempotencyMismatch)
	w.refused(t, w.message(t, `{"action":"nobodys"}`), protocol.UnknownAction)
	w.refused(t, w.message(t, `{"action":`), protocol.BadMessage)
	w.say(t, about("subscribe", id))
	w.say(t, about("unsubscribe", id))
	w.refused(t, as(w.message(t, about("get", id)), "acme", "bob", "other="), protocol.NotFound)
	w.refused(t, w.message(t, about("get", "a secret that is no id")), protocol.NotFound)
	w.say(t, `{"action":"streamer.list"}`)
	w.say(t, `{"action":"streamer.upload","payload":{"size":9,"sha256":"`+strings.Repeat("ab", 32)+`"}}`)
	upload := files.Upload{ID: "01JGH000000000000000000004", Size: 9, Hash: [32]byte(bytes.Repeat([]byte{0xab}, 32))}

	claimed(t, w, id)
	w.update(t, id, lifecycle.Complete(1, lifecycle.Outcome{At: lifecycle.PlaceObject, Size: 30_000}, lifecycle.Seq(1, 7), w.clock.Now()))
	result := view.ResultKey(lifecycle.Key{Tenant: "acme", ID: id}, 1)
	w.say(t, about("get", id))
	w.say(t, keyed)
	w.say(t, about("cancel", id))
	late := w.message(t, about("get", id))
	late.RequestContext.Authorizer.(map[string]any)["exp"] = "1"
	late.RequestContext.ConnectionID = "late="
	w.refused(t, late, protocol.Unauthenticated)
	w.invoke(t, t.Context(), event(t, "disconnect"))

	want := []string{
		"connect accepted acme/ann",
		"connect refused UNAUTHENTICATED /",
		"submit accepted acme/ann " + id + " echo_async",
		"submit duplicate acme/ann " + id + " echo_async",
		"submit refused IDEMPOTENCY_MISMATCH acme/ann echo_async",
		"submit refused UNKNOWN_ACTION acme/ann nobodys",
		"submit refused BAD_MESSAGE acme/ann",
		"subscribe accepted acme/ann " + id + " echo_async",
		"unsubscribe accepted acme/ann " + id,
		"get refused NOT_FOUND acme/bob " + id,
		"get refused NOT_FOUND acme/ann",
		"list accepted acme/ann",
		"upload accepted acme/ann " + files.UploadKey("acme", "ann", upload),
		"get accepted acme/ann " + id + " echo_async " + result,
		"submit duplicate acme/ann " + id + " echo_async " + result,
		"cancel accepted acme/ann " + id + " echo_async " + result,
		"get refused UNAUTHENTICATED acme/ann",
		"disconnect accepted acme/ann",
	}
	if strings.Contains(out.String(), "secret") || strings.Contains(out.String(), "?a=1") {
		t.Errorf("a payload, an id that is none or a link is in %s", &out)
	}
	if got := records(t, &out); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
