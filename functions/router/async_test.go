package router_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

func hashOf(payload string) []byte {
	sum := sha256.Sum256([]byte(payload))
	return sum[:]
}

// text is a JSON string of n bytes.
func text(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }

func TestAcceptedRows(t *testing.T) {
	keyed := lifecycle.KeyedID("acme", "ann", "echo_async", "k 1~")
	for name, c := range map[string]struct {
		rest    string // of the message
		id      string
		payload string
		at      lifecycle.Place
		want    func(*lifecycle.Row)
	}{
		"nothing":                {``, "", "", "", func(*lifecycle.Row) {}},
		"null":                   {`,"payload":null`, "", "", "", func(*lifecycle.Row) {}},
		"small":                  {`,"payload":{"b": [1.10, "<&>"] }`, "", `{"b":[1.10,"<&>"]}`, "", func(*lifecycle.Row) {}},
		"id":                     {`,"id":"m 1"`, "", "", "", func(r *lifecycle.Row) { r.Ref = "m 1" }},
		"deadline":               {`,"deadline_ms":1500`, "", "", "", func(r *lifecycle.Row) { r.DeadlineAt = r.CreatedAt + 1500 }},
		"longest":                {`,"deadline_ms":1123200000`, "", "", "", func(r *lifecycle.Row) { r.DeadlineAt = r.CreatedAt + 13*24*3600*1000 }},
		"key":                    {`,"idempotency_key":"k 1~"`, keyed, "", "", func(*lifecycle.Row) {}},
		"200 bytes":              {`,"payload":` + text(200), "", text(200), "", func(*lifecycle.Row) {}},
		"201 bytes":              {`,"payload":` + text(201), "", text(201), lifecycle.PlaceItem, func(*lifecycle.Row) {}},
		"24 KB":                  {`,"payload":` + text(24*1024), "", text(24 * 1024), lifecycle.PlaceItem, func(*lifecycle.Row) {}},
		"over 24 KB":             {`,"payload":` + text(24*1024+1), "", text(24*1024 + 1), lifecycle.PlaceObject, func(*lifecycle.Row) {}},
		"200 bytes when compact": {`,"payload":[   ` + text(198) + `   ]`, "", "[" + text(198) + "]", "", func(*lifecycle.Row) {}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, echoAsync)
			ev := w.message(t, `{"action":"echo_async"`+c.rest+`}`)
			f, ok := w.send(t, ev).(protocol.Accepted)
			if c.id == "" {
				c.id = "01JGH000000000000000000001"
			}
			if want := (protocol.Accepted{Answer: protocol.Answer{ID: f.ID, TS: start.UnixMilli()}, RequestID: c.id, Status: protocol.Pending}); !ok || f != want {
				t.Fatalf("answered %+v, want %+v", f, want)
			}
			want := lifecycle.Row{
				PK: "T#acme#R#" + c.id, SK: "META", Action: "echo_async", User: "ann", Status: protocol.Pending, MaxAttempts: 4,
				CreatedAt: start.UnixMilli(), DeadlineAt: start.Add(24 * time.Hour).UnixMilli(), Watchers: []string{connectionID},
				Submission: ev.RequestContext.RequestID, Hash: hashOf(c.payload),
				TenantDay: "T#acme#D#2026-01-19", UserKey: "T#acme#U#ann", OpenShard: lifecycle.OpenShard(c.id), PayloadAt: c.at,
			}
			if c.at == "" {
				want.Payload = c.payload
			}
			c.want(&want)
			if row := w.row(t, "acme", c.id); !reflect.DeepEqual(row, want) {
				t.Errorf("the row is %+v\nwant %+v", row, want)
			}
			key := lifecycle.Key{Tenant: "acme", ID: c.id}
			if aside, err := w.requests.Memory.Payload(t.Context(), key, want.Hash); (c.at == lifecycle.PlaceItem) != (err == nil) || (err == nil && aside != c.payload) {
				t.Errorf("beside the row: %.100s, err %v", aside, err)
			}
			object := w.files.documents["t/acme/"+c.id+"/_payload-"+hex.EncodeToString(want.Hash)+".json"]
			if (c.at == lifecycle.PlaceObject) != (object == c.payload && object != "") || (c.at != lifecycle.PlaceObject && len(w.files.documents) != 0) {
				t.Errorf("in the bucket: %d documents", len(w.files.documents))
			}
			if f.ID != want.Ref || len(w.posted.posts) != 0 || w.metrics.Sums()["RequestsAccepted echo_async"] != 1 || strings.Count(w.log.String(), "\n") != 1 {
				t.Errorf("answered %+v, posted %v, metrics %v, log %s", f, w.posted.posts, w.metrics.Sums(), w.log)
			}
		})
	}
}

func TestAPayloadThatItsActionRefusesIsNotStored(t *testing.T) {
	strict := streamer.Action[struct{ N int }, any]{Name: "strict", Async: true}
	w := open(t, strict)
	f := w.refused(t, w.message(t, `{"id":"m1","action":"strict","payload":{"N":"x"},"idempotency_key":"k"}`), protocol.InvalidPayload)
	if f.Details["field"] != "N" {
		t.Errorf("answered %+v", f)
	}
	if rows, _, err := w.requests.Day(t.Context(), "acme", start, ""); err != nil || len(rows) != 0 {
		t.Errorf("stored %v, err %v", rows, err)
	}
}

func TestASubmissionWhoseAnswerWasLost(t *testing.T) {
	for _, rest := range []string{"", `,"idempotency_key":"k"`} {
		w := open(t, echoAsync)
		w.requests.lost = once("create")
		f, ok := w.say(t, `{"id":"m1","action":"echo_async"`+rest+`}`).(protocol.Accepted)
		if !ok || f.Duplicate || f.Status != protocol.Pending || w.metrics.Sums()["RequestsAccepted echo_async"] != 1 {
			t.Errorf("%s: answered %+v, metrics %v", rest, f, w.metrics.Sums())
		}
		if rows, _, err := w.requests.Day(t.Context(), "acme", start, ""); err != nil || len(rows) != 1 {
			t.Errorf("%s: stored %v, err %v", rest, rows, err)
		}
	}
}

// TestAMessageWithoutANameOwnsNoRow: two of them would take each other's rows for theirs.
func TestAMessageWithoutANameOwnsNoRow(t *testing.T) {
	w := open(t, echoAsync)
	var frames []protocol.Frame
	for _, payload := range []string{"1", "1", "2"} {
		ev := w.message(t, `{"action":"echo_async","idempotency_key":"k","payload":`+payload+`}`)
		ev.RequestContext.RequestID = ""
		frames = append(frames, w.send(t, ev))
	}
	if a, ok := frames[1].(protocol.Accepted); !ok || !a.Duplicate {
		t.Errorf("the same again: %+v", frames[1])
	}
	if e, ok := frames[2].(protocol.Error); !ok || e.Code != protocol.IdempotencyMismatch {
		t.Errorf("another payload: %+v", frames[2])
	}
}

func TestIdempotency(t *testing.T) {
	w := open(t, echoAsync, streamer.Action[json.RawMessage, any]{Name: "other", Async: true})
	const first = `{"action":"echo_async","id":"a","idempotency_key":"k","payload":{"a":1}}`
	id := w.accept(t, w.message(t, first))

	again := as(w.message(t, `{"action":"echo_async","id":"b","idempotency_key":"k","payload":{ "a" : 1 },"deadline_ms":5000}`), "acme", "ann", "second=")
	want := protocol.Accepted{Answer: protocol.Answer{ID: "b", TS: start.UnixMilli()}, RequestID: id, Status: protocol.Pending, Duplicate: true}
	if f := w.send(t, again); f != protocol.Frame(want) {
		t.Errorf("the same again is answered with %+v", f)
	}
	row := w.row(t, "acme", id)
	if fmt.Sprint(row.Watchers) != fmt.Sprint([]string{connectionID, "second="}) || row.Ref != "a" || row.DeadlineAt != start.Add(24*time.Hour).UnixMilli() {
		t.Errorf("the row is %+v", row)
	}
	if f := w.refused(t, w.message(t, `{"action":"echo_async","id":"c","idempotency_key":"k","payload":{"a":2}}`), protocol.IdempotencyMismatch); f.ID != "c" || f.Retryable {
		t.Errorf("another payload is answered with %+v", f)
	}
	ids := map[string]bool{id: true}
	for name, ev := range map[string]string{"bob": "acme bob", "another ann": "globex ann"} {
		tenant, user, _ := strings.Cut(ev, " ")
		f, ok := w.send(t, as(w.message(t, first), tenant, user, "x=")).(protocol.Accepted)
		if !ok || f.Duplicate || ids[f.RequestID] {
			t.Errorf("%s has the same key: %+v", name, f)
		}
		ids[f.RequestID] = true
	}
	if f, ok := w.say(t, `{"action":"other","idempotency_key":"k","payload":{"a":1}}`).(protocol.Accepted); !ok || f.Duplicate || ids[f.RequestID] {
		t.Errorf("another action has the same key: %+v", f)
	}
	if n := w.metrics.Sums(); n["RequestsAccepted echo_async"] != 3 || n["RequestsAccepted other"] != 1 || n["MessagesRefused IDEMPOTENCY_MISMATCH"] != 1 {
		t.Errorf("metrics %v", n)
	}
}

func TestAPayloadDoesNotTakeAnothersPlace(t *testing.T) {
	w := open(t, echoAsync)
	say := func(payload string) protocol.Frame {
		return w.say(t, `{"action":"echo_async","idempotency_key":"k","payload":`+payload+`}`)
	}
	accepted, ok := say(text(1000)).(protocol.Accepted)
	if !ok {
		t.Fatal("not accepted")
	}
	for _, n := range []int{100, 2000, 25_000} {
		if f, ok := say(text(n)).(protocol.Error); !ok || f.Code != protocol.IdempotencyMismatch {
			t.Errorf("a payload of %d bytes is answered with %+v", n, f)
		}
	}
	row := w.row(t, "acme", accepted.RequestID)
	if got, err := w.requests.Memory.Payload(t.Context(), row.Key(), row.Hash); err != nil || got != text(1000) {
		t.Errorf("the payload is %.50s, err %v", got, err)
	}
}

// A message that comes again and asks for less time takes nothing from the request.
func TestAPayloadLivesAsLongAsItsRequest(t *testing.T) {
	w := open(t, echoAsync)
	say := func(deadline time.Duration) protocol.Accepted {
		f, _ := w.say(t, fmt.Sprintf(`{"action":"echo_async","idempotency_key":"k","deadline_ms":%d,"payload":%s}`, deadline.Milliseconds(), text(5000))).(protocol.Accepted)
		return f
	}
	first, again := say(protocol.MaxDeadline), say(protocol.MinDeadline)
	if first.Duplicate || !again.Duplicate || again.RequestID != first.RequestID {
		t.Fatalf("answered %+v and %+v", first, again)
	}
	row := w.row(t, "acme", first.RequestID)
	if err := w.requests.Expire(row.Key(), start.Add(protocol.MaxDeadline)); err != nil {
		t.Fatal(err)
	}
	if payload, err := w.requests.Memory.Payload(t.Context(), row.Key(), row.Hash); err != nil || payload != text(5000) {
		t.Errorf("at the end there is %.20s, err %v", payload, err)
	}
}

func TestAnEndedRequestWithTheSameKey(t *testing.T) {
	w := open(t, echoAsync)
	const message = `{"action":"echo_async","id":"a","idempotency_key":"k"}`
	id := w.accept(t, w.message(t, message))
	w.update(t, id, lifecycle.Claim("m", "o", start, time.Minute))
	w.update(t, id, lifecycle.Complete(1, lifecycle.Outcome{Result: `[1]`}, lifecycle.Seq(1, 3), start))

	f, ok := w.send(t, w.message(t, strings.Replace(message, `"a"`, `"b"`, 1))).(protocol.Complete)
	if !ok || f.RequestID != id || string(f.Result) != "[1]" || f.Ref != "a" || f.Seq != lifecycle.Seq(1, 3) || f.Attempt != 1 {
		t.Errorf("answered %+v", f)
	}
	want := protocol.Accepted{Answer: protocol.Answer{ID: "b", TS: start.UnixMilli()}, RequestID: id, Status: protocol.Completed, Duplicate: true}
	if !reflect.DeepEqual(w.posted.posts, []post{{connectionID, want}}) {
		t.Errorf("posted %+v", w.posted.posts)
	}

	w.posted.posts = nil
	w.clock.set(start.Add(lifecycle.Retention)) // the row's time is over, though DynamoDB has not deleted it
	ev := w.message(t, strings.Replace(message, `}`, `,"payload":7}`, 1))
	ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
	g, ok := w.send(t, ev).(protocol.Accepted)
	if !ok || g.RequestID != id || g.Duplicate || g.Status != protocol.Pending || len(w.posted.posts) != 0 {
		t.Errorf("answered %+v", g)
	}
	if row := w.row(t, "acme", id); row.Payload != "7" || row.TTL != 0 || row.Fence != 0 || row.Attempt != 0 || row.Result != "" {
		t.Errorf("the row is %+v", row)
	}
}

// A request that expires between the two looks at it is as good as gone.
func TestAKeyWhoseRequestExpiresMeanwhile(t *testing.T) {
	w := open(t, echoAsync)
	ev := w.message(t, `{"action":"echo_async","idempotency_key":"k"}`)
	ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
	id := w.accept(t, ev)
	w.update(t, id, lifecycle.Claim("m", "o", start, time.Minute))
	w.update(t, id, lifecycle.Complete(1, lifecycle.Outcome{Result: `[1]`}, lifecycle.Seq(1, 3), start))
	w.requests.race = func(op string) {
		if op == "watch" {
			w.clock.set(start.Add(lifecycle.Retention))
		}
	}
	ev.RequestContext.RequestID = "another"
	f, ok := w.send(t, ev).(protocol.Accepted)
	if !ok || f.RequestID != id || f.Duplicate || f.Status != protocol.Pending {
		t.Errorf("answered %+v", f)
	}
	if row := w.row(t, "acme", id); row.Status != protocol.Pending || row.Result != "" {
		t.Errorf("the row is %+v", row)
	}
}

func TestAServiceThatIsAway(t *testing.T) {
	const large = `{"id":"m1","action":"echo_async","payload":"`
	for name, c := range map[string]struct {
		body string
		set  func(*world)
	}{
		"create":      {`{"id":"m1","action":"echo_async"}`, func(w *world) { w.requests.fail = failing("create") }},
		"put payload": {large + strings.Repeat("a", 1000) + `"}`, func(w *world) { w.requests.fail = failing("put payload") }},
		"bucket":      {large + strings.Repeat("a", 25_000) + `"}`, func(w *world) { w.files.err = errors.New("secret: dial 10.0.0.7") }},
		"duplicate": {`{"id":"m1","action":"echo_async","idempotency_key":"k"}`, func(w *world) {
			w.accept(t, w.message(t, `{"action":"echo_async","idempotency_key":"k"}`))
			w.requests.fail = failing("watch")
		}},
	} {
		w := open(t, echoAsync)
		c.set(w)
		w.metrics.Reset()
		f := w.refused(t, w.message(t, c.body), protocol.Unavailable)
		if f.ID != "m1" || !f.Retryable || !strings.Contains(w.log.String(), "secret") || w.metrics.Sums()["MessagesRefused UNAVAILABLE"] != 1 || len(w.metrics.Sums()) != 1 {
			t.Errorf("%s: answered %+v, metrics %v, log %s", name, f, w.metrics.Sums(), w.log)
		}
		quiet(t, f)
	}
}
