package router_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// announce asks for an upload of a document.
func announce(doc string) string {
	return fmt.Sprintf(`{"id":"u","action":"streamer.upload","payload":{"size":%d,"sha256":%q,"content_type":"application/json"}}`,
		len(doc), hex.EncodeToString(hashOf(doc)))
}

// upload announces a document and puts what is given under its link.
func (w *world) upload(t *testing.T, ev events.APIGatewayWebsocketProxyRequest, put string) (ref string) {
	t.Helper()
	f, ok := w.send(t, ev).(protocol.Upload)
	if !ok {
		t.Fatalf("%s is answered with %+v", ev.Body, f)
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(f.URL, "https://b.example/"), "?")
	w.files.documents[key] = put
	return f.PayloadRef
}

func (w *world) refer(t *testing.T, rest string) events.APIGatewayWebsocketProxyRequest {
	t.Helper()
	return w.message(t, `{"id":"m1","action":"echo_async"`+rest+`}`)
}

func TestUploadIsAnsweredWithALink(t *testing.T) {
	w := open(t, echoAsync)
	f, ok := w.say(t, announce(text(1<<20))).(protocol.Upload)
	ref := "01JGH000000000000000000001.1048576." + hex.EncodeToString(hashOf(text(1<<20)))
	if !ok || f.ID != "u" || f.TS != start.UnixMilli() || f.PayloadRef != ref || f.ExpiresAt != start.UnixMilli()+15*60*1000 || f.Headers["x-size"] != "1048576" {
		t.Errorf("answered %+v", f)
	}
	if want := "https://b.example/t/acme/_uploads/" + hex.EncodeToString(hashOf("ann")) + "/" + ref; !strings.HasPrefix(f.URL, want) {
		t.Errorf("the link is %s, want %s", f.URL, want)
	}
	w.files.err = errors.New("secret: dial 10.0.0.7")
	quiet(t, w.refused(t, w.message(t, announce("1")), protocol.Unavailable))
}

func TestUploadRefuses(t *testing.T) {
	w := open(t, echoAsync)
	hash := strings.Repeat("0a", 32)
	for payload, field := range map[string]string{
		`null`:                                "size",
		`{}`:                                  "size",
		`{"size":0,"sha256":"` + hash + `"}`:  "size",
		`{"size":-1,"sha256":"` + hash + `"}`: "size",
		`{"size":5242881,"sha256":"` + hash + `"}`:                       "size",
		`{"size":1.5,"sha256":"` + hash + `"}`:                           "size",
		`{"size":"1","sha256":"` + hash + `"}`:                           "size",
		`{"size":1}`:                                                     "sha256",
		`{"size":1,"sha256":"` + hash[2:] + `"}`:                         "sha256",
		`{"size":1,"sha256":"` + hash + `0a"}`:                           "sha256",
		`{"size":1,"sha256":"` + strings.ToUpper(hash) + `"}`:            "sha256",
		`{"size":1,"sha256":"` + strings.Repeat("x", 64) + `"}`:          "sha256",
		`{"size":1,"sha256":"` + hash + `","content_type":"text/plain"}`: "content_type",
		`{"size":1,"sha256":"` + hash + `","key":"t/globex/x"}`:          "key",
	} {
		f := w.refused(t, w.message(t, `{"action":"streamer.upload","payload":`+payload+`}`), protocol.InvalidPayload)
		if f.Details["field"] != field {
			t.Errorf("%s: answered %+v", payload, f)
		}
	}
	w.refused(t, w.message(t, `{"action":"streamer.upload","request_id":"01JGH000000000000000000001"}`), protocol.BadMessage)
}

func TestAPayloadByReference(t *testing.T) {
	for name, doc := range map[string]string{
		"large": text(1 << 20), "largest": text(protocol.MaxUpload), "small": `{"a":1}`, "middle": text(5000),
		"spaced": " {\n\"a\": [1.10, \"<é>\"] } ", "null": " null\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, echoAsync)
			ref := w.upload(t, w.message(t, announce(doc)), doc)
			id := w.accept(t, w.refer(t, `,"idempotency_key":"k","payload_ref":"`+ref+`"`))
			row := w.row(t, "acme", id)
			compact := map[string]string{"spaced": `{"a":[1.10,"<é>"]}`, "null": ""}
			want, changed := compact[name]
			if !changed {
				want = doc
			}
			if string(row.Hash) != string(hashOf(want)) {
				t.Errorf("the hash is that of another payload than %.100s", want)
			}
			switch {
			case len(want) <= 200:
				if row.Payload != want || row.PayloadAt != "" {
					t.Errorf("the row is %+v", row)
				}
			case len(want) <= protocol.MaxInline:
				if aside, err := w.requests.Memory.Payload(t.Context(), row.Key(), row.Hash); err != nil || aside != want {
					t.Errorf("beside the row: %.100s, err %v", aside, err)
				}
			default:
				// A copy: the upload may be put again until its link expires.
				if w.files.documents["t/acme/"+id+"/_payload-"+hex.EncodeToString(row.Hash)+".json"] != want || row.PayloadAt != lifecycle.PlaceObject {
					t.Errorf("the row is %+v", row)
				}
			}
			again, ok := w.send(t, w.refer(t, `,"idempotency_key":"k","payload_ref":"`+ref+`"`)).(protocol.Accepted)
			if !ok || !again.Duplicate || again.RequestID != id {
				t.Errorf("the same again is answered with %+v", again)
			}
			if len(want) > 0 && len(want) < 20_000 {
				byValue, ok := w.send(t, w.refer(t, `,"idempotency_key":"k","payload":`+want)).(protocol.Accepted)
				if !ok || !byValue.Duplicate {
					t.Errorf("the same by value is answered with %+v", byValue)
				}
			}
		})
	}
}

func TestASyncActionTakesAReferenceToo(t *testing.T) {
	w := open(t, completes("echo", 1))
	ref := w.upload(t, w.message(t, announce("[1]")), "[1]")
	if f, ok := w.say(t, `{"action":"echo","payload_ref":"`+ref+`"}`).(protocol.Response); !ok {
		t.Errorf("answered %+v", f)
	}
}

// TestAForeignReferenceIsAnUnknownOne, and so is one that was never uploaded to.
func TestAForeignReferenceIsAnUnknownOne(t *testing.T) {
	w := open(t, echoAsync)
	ref := w.upload(t, w.message(t, announce("[1]")), "[1]")
	never, ok := w.say(t, announce("[2]")).(protocol.Upload)
	if !ok {
		t.Fatal("not answered")
	}
	of := func(ref string) events.APIGatewayWebsocketProxyRequest { return w.refer(t, `,"payload_ref":"`+ref+`"`) }
	unknown := w.refused(t, of("01JGH0000000000000000000ZZ"+ref[26:]), protocol.NotFound)
	if w.files.reads != 1 {
		t.Errorf("unknown: the bucket was asked %d times", w.files.reads)
	}
	for name, ev := range map[string]events.APIGatewayWebsocketProxyRequest{
		"another tenant's": as(of(ref), "globex", "ann", "x="),
		"another user's":   as(of(ref), "acme", "bob", "x="),
		"never uploaded":   of(never.PayloadRef),
		"of another size":  of(strings.Replace(ref, ".3.", ".4.", 1)),
		"malformed":        of("../" + ref),
		"too large":        of(strings.Replace(ref, ".3.", ".5242881.", 1)),
		"far too large":    of(strings.Replace(ref, ".3.", ".99999999999999999999.", 1)),
		"of other letters": of(strings.ToLower(ref)),
		"not one":          of("x"),
	} {
		w.files.reads = 0
		f := w.refused(t, ev, protocol.NotFound)
		if f.Message != unknown.Message || f.Retryable || f.Details != nil {
			t.Errorf("%s: answered %+v, an unknown one with %+v", name, f, unknown)
		}
		if w.files.reads != 1 {
			t.Errorf("%s: the bucket was asked %d times, want once, as for an unknown one", name, w.files.reads)
		}
		quiet(t, f)
	}
	if rows, _, err := w.requests.Day(t.Context(), "acme", start, ""); err != nil || len(rows) != 0 {
		t.Errorf("stored %v, err %v", rows, err)
	}
}

func TestAnUploadThatIsNotWhatWasAnnounced(t *testing.T) {
	w := open(t, echoAsync, streamer.Action[struct{ N int }, any]{Name: "strict", Async: true})
	for put, word := range map[string]string{"[1,2]": "size", "[2]": "sha256"} {
		ref := w.upload(t, w.message(t, announce("[1]")), put)
		f := w.refused(t, w.refer(t, `,"payload_ref":"`+ref+`"`), protocol.InvalidPayload)
		if f.Details["field"] != "payload_ref" || !strings.Contains(f.Message, word) {
			t.Errorf("%s: answered %+v", put, f)
		}
	}
	for doc, code := range map[string]protocol.Code{
		"{": protocol.BadMessage, "": protocol.BadMessage, `{"N":1,"N":2}`: protocol.BadMessage, "\xff": protocol.BadMessage,
		"1 2": protocol.BadMessage, nested(32): protocol.BadMessage,
		`{"N":"x"}`: protocol.InvalidPayload, `{"M":1}`: protocol.InvalidPayload,
	} {
		if doc == "" {
			doc = " "
		}
		ref := w.upload(t, w.message(t, announce(doc)), doc)
		quiet(t, w.refused(t, w.message(t, `{"action":"strict","payload_ref":"`+ref+`"}`), code))
	}
	ref := w.upload(t, w.message(t, announce("[1]")), "[1]")
	w.files.err = errors.New("secret: dial 10.0.0.7")
	quiet(t, w.refused(t, w.refer(t, `,"payload_ref":"`+ref+`"`), protocol.Unavailable))
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestReferencesAreReadBack(t *testing.T) {
	u := files.Upload{ID: "01JGH000000000000000000001", Size: 42}
	copy(u.Hash[:], hashOf("x"))
	if got, ok := files.ParseRef(u.Ref()); !ok || got != u {
		t.Errorf("%s is read as %+v", u.Ref(), got)
	}
}
