package router_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

var secretive = streamer.Action[json.RawMessage, json.RawMessage]{Name: "charge", Async: true, Redact: true}

// What a submission puts aside for a request that has ended, or that has another payload,
// does not stay; what an open one needs does.
func TestRedactedSubmissions(t *testing.T) {
	for _, size := range []int{1_000, 30_000} {
		doc := `"` + strings.Repeat("4", size) + `"`
		w := open(t, secretive)
		submit := func(doc string) (protocol.Frame, string) {
			ref := w.upload(t, w.message(t, announce(doc)), doc)
			return w.say(t, `{"action":"charge","idempotency_key":"k","payload_ref":"`+ref+`"}`), ref
		}
		seen := func(doc string) (n int) {
			for _, stored := range w.files.documents {
				if stored == doc {
					n++
				}
			}
			id := lifecycle.KeyedID("acme", "ann", "charge", "k")
			if aside, err := w.requests.Memory.Payload(t.Context(), lifecycle.Key{Tenant: "acme", ID: id}, hashOf(doc)); err == nil && aside == doc {
				n++
			}
			return n
		}
		first, ref := submit(doc)
		accepted, ok := first.(protocol.Accepted)
		if !ok {
			t.Fatalf("answered %+v", first)
		}
		row := w.row(t, "acme", accepted.RequestID)
		if u, _ := files.ParseRef(ref); !row.Redact || row.Upload != u.Ref() {
			t.Errorf("the row is %+v", row)
		}
		if n := seen(doc); n != 2 {
			t.Errorf("%d bytes: seen %d times", size, n)
		}
		if again, _ := submit(doc); again.Type() != protocol.TypeAccepted || seen(doc) != 3 {
			t.Errorf("%d bytes, again: %+v, seen %d times", size, again, seen(doc))
		}
		other := strings.Replace(doc, "4", "5", 1)
		if f, _ := submit(other); f.Type() != protocol.TypeError || seen(other) != 0 {
			t.Errorf("%d bytes, another payload: %+v, seen %d times", size, f, seen(other))
		}
		completed(t, w, accepted.RequestID)
		before := seen(doc)
		if f, _ := submit(doc); f.Type() != protocol.TypeComplete || seen(doc) != before-1 {
			t.Errorf("%d bytes, after its end: %+v, seen %d times and then %d", size, f, before, seen(doc))
		}
	}
	w := open(t, secretive)
	w.accept(t, w.message(t, `{"action":"charge","payload":"4111"}`))
	row := w.row(t, "acme", w.accept(t, w.message(t, `{"action":"charge","payload":"4111"}`)))
	w.say(t, about("cancel", row.Key().ID))
	if ended := w.row(t, "acme", row.Key().ID); row.Payload != `"4111"` || ended.Payload != "" || len(ended.Hash) == 0 {
		t.Errorf("the row was %+v and is %+v", row, ended)
	}
}

// A message that is sent again, because its answer was lost, finds the request that it began,
// though the upload that it refers to has been redacted since.
func TestRedactedSubmissionThatComesAgain(t *testing.T) {
	doc := `"` + strings.Repeat("4", 30_000) + `"`
	w := open(t, secretive)
	ref := w.upload(t, w.message(t, announce(doc)), doc)
	other := w.upload(t, w.message(t, announce(doc)), doc)
	message := func(key, ref string) events.APIGatewayWebsocketProxyRequest {
		return w.message(t, `{"id":"m1","action":"charge","idempotency_key":"`+key+`","payload_ref":"`+ref+`"}`)
	}
	id := w.accept(t, message("k", ref))
	completed(t, w, id)
	for _, ref := range []string{ref, other} {
		u, _ := files.ParseRef(ref)
		w.files.documents[files.UploadKey("acme", "ann", u)] = "null"
	}
	for range 2 {
		w.posted.posts = nil
		end, ended := w.send(t, message("k", ref)).(protocol.Complete)
		if !ended || end.RequestID != id || len(w.posted.posts) != 1 {
			t.Fatalf("answered %+v after %+v", end, w.posted.posts)
		}
		if first, ok := w.posted.posts[0].frame.(protocol.Accepted); !ok || first.ID != "m1" || first.RequestID != id || !first.Duplicate || first.Status != protocol.Completed {
			t.Errorf("posted %+v", w.posted.posts)
		}
		u, _ := files.ParseRef(ref)
		delete(w.files.documents, files.UploadKey("acme", "ann", u)) // with the bucket's other files, some day
	}
	for name, ev := range map[string]events.APIGatewayWebsocketProxyRequest{
		"another key": message("l", ref), "no key": w.message(t, `{"action":"charge","payload_ref":"`+ref+`"}`),
		"another user's": as(message("k", ref), "acme", "bob", "c"), "another tenant's": as(message("k", ref), "globex", "ann", "c"),
	} {
		if f := w.refused(t, ev, protocol.NotFound); f.Details != nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
	if f := w.refused(t, message("k", other), protocol.InvalidPayload); f.Details["field"] != "payload_ref" {
		t.Errorf("another upload: %+v", f)
	}
	w.clock.set(start.Add(lifecycle.Retention + time.Second))
	w.connections.rows[connectionID] = store.Connection{Tenant: "acme", User: "ann", TokenExpires: w.clock.Now().Add(time.Hour).Unix()}
	w.refused(t, message("k", ref), protocol.NotFound)
}

// A sync action's errors are for its client, or for nobody.
func TestRedactedErrors(t *testing.T) {
	for name, fail := range map[string]func(payload string) error{
		"an error": func(p string) error { return fmt.Errorf("charge %s", p) },
		"a panic":  func(p string) error { panic(p) },
	} {
		for redact, said := range map[bool]bool{true: false, false: true} {
			action := streamer.Action[json.RawMessage, json.RawMessage]{Name: "charge", Redact: redact}
			w := open(t, action.Bind(func(_ context.Context, req *streamer.Request[json.RawMessage], _ streamer.Reporter[json.RawMessage]) error {
				return fail(string(req.Payload))
			}))
			w.refused(t, w.message(t, `{"action":"charge","payload":"4111"}`), protocol.Internal)
			if got := strings.Contains(w.log.String(), "4111"); got != said || !strings.Contains(w.log.String(), "message not done") {
				t.Errorf("%s: the log says it: %t\n%s", name, got, w.log)
			}
		}
	}
	action := streamer.Action[json.RawMessage, json.RawMessage]{Name: "charge", Redact: true}
	w := open(t, action.Bind(func(context.Context, *streamer.Request[json.RawMessage], streamer.Reporter[json.RawMessage]) error {
		return errors.Join(streamer.Errorf("DECLINED", "the card was declined"))
	}))
	if f := w.refused(t, w.message(t, `{"action":"charge","payload":"4111"}`), "DECLINED"); f.Message != "the card was declined" {
		t.Errorf("answered %+v", f)
	}
}
