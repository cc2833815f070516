package router_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

const pending = `{"action":"echo_async","id":"sub"}`

func about(action, id string) string {
	return `{"id":"m1","action":"streamer.` + action + `","request_id":"` + id + `"}`
}

// The ways on from a request that was accepted.
func claimed(t *testing.T, w *world, id string) {
	w.update(t, id, lifecycle.Claim("carrier", "o", w.clock.Now(), 30*time.Second))
	w.update(t, id, lifecycle.Pulse(1, lifecycle.State{Percentage: 40, Message: "some", Seq: lifecycle.Seq(1, 5)}, w.clock.Now(), 30*time.Second, nil))
}

func retrying(t *testing.T, w *world, id string) {
	claimed(t, w, id)
	w.update(t, id, lifecycle.Retry(1, w.clock.Now().Add(time.Minute), "BUSY", "later"))
}

func completed(t *testing.T, w *world, id string) {
	claimed(t, w, id)
	w.update(t, id, lifecycle.Complete(1, lifecycle.Outcome{Result: `{"a":"<&>"}`}, lifecycle.Seq(1, 7), w.clock.Now()))
}

var answered = protocol.Answer{ID: "m1", TS: start.UnixMilli()}

func TestGet(t *testing.T) {
	base := protocol.Request{
		Answer: answered, Action: "echo_async", CreatedAt: start.UnixMilli(), DeadlineAt: start.Add(24 * time.Hour).UnixMilli(),
	}
	for name, c := range map[string]struct {
		move func(*testing.T, *world, string)
		want func(*protocol.Request)
	}{
		"pending": {func(*testing.T, *world, string) {}, func(r *protocol.Request) { r.Status = protocol.Pending }},
		"processing": {claimed, func(r *protocol.Request) {
			r.Status, r.Attempt, r.Percentage, r.Message, r.Seq, r.StartedAt = protocol.Processing, 1, 40, "some", 1_000_005, r.CreatedAt
		}},
		"retrying": {retrying, func(r *protocol.Request) {
			r.Status, r.Attempt, r.Percentage, r.Message, r.Seq, r.StartedAt = protocol.Retrying, 1, 40, "some", 1_000_005, r.CreatedAt
			r.NextAt, r.Code, r.Error = r.CreatedAt+60_000, "BUSY", "later"
		}},
		"completed": {completed, func(r *protocol.Request) {
			r.Status, r.Attempt, r.Percentage, r.Message, r.Seq, r.StartedAt = protocol.Completed, 1, 100, "some", 1_000_006, r.CreatedAt
			r.EndedAt, r.Result = r.CreatedAt, []byte(`{"a":"<&>"}`)
		}},
	} {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		c.move(t, w, id)
		want := base
		want.RequestID = id
		c.want(&want)
		for _, body := range []string{about("get", id), `{"id":"m1","action":"streamer.get","payload":{"request_id":"` + id + `"}}`} {
			if f := w.say(t, body); !reflect.DeepEqual(f, want) {
				t.Errorf("%s: answered %+v\nwant %+v", name, f, want)
			}
		}
		if len(w.posted.posts) != 0 {
			t.Errorf("%s: posted %v", name, w.posted.posts)
		}
	}
}

// TestARequestThatIsNotTheCallers: nobody learns which ids there are.
func TestARequestThatIsNotTheCallers(t *testing.T) {
	for _, action := range []string{"get", "subscribe", "unsubscribe", "cancel"} {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		gone := w.accept(t, w.message(t, pending))
		full := w.accept(t, w.message(t, pending))
		for _, ended := range []string{gone, full} {
			completed(t, w, ended)
		}
		for i := range protocol.MaxWatchers - 1 {
			w.update(t, full, lifecycle.Watch("ann", fmt.Sprint("w", i)))
		}
		w.clock.set(start.Add(lifecycle.Retention)) // its token lives on, for this test
		ours := func(body string) protocol.Error {
			ev := w.message(t, body)
			ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
			return w.refused(t, ev, protocol.NotFound)
		}
		theirs := func(tenant, user, id string) protocol.Error {
			ev := as(w.message(t, about(action, id)), tenant, user, "other=")
			ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
			return w.refused(t, ev, protocol.NotFound)
		}
		want := ours(about(action, "01JGH000000000000000000099"))
		for name, f := range map[string]protocol.Error{
			"expired":                       ours(about(action, gone)),
			"expired and full":              theirs("acme", "ann", full), // over a connection that does not watch it
			"too short":                     ours(about(action, "01JGH")),
			"too long":                      ours(about(action, id+"0")),
			"lower case":                    ours(about(action, strings.ToLower(id))),
			"another's key":                 ours(about(action, "#R#"+id[3:])),
			"letters that ids do not have":  ours(about(action, "01JGHILOU00000000000000001")),
			"escapes":                       ours(about(action, `01JGH\u0000`+id[6:])),
			"of 20 KB":                      ours(about(action, strings.Repeat("0", 20_000))),
			"another user":                  theirs("acme", "bob", id),
			"another tenant":                theirs("globex", "ann", id),
			"another user, full of others'": theirs("acme", "bob", full),
		} {
			if !reflect.DeepEqual(f, want) {
				t.Errorf("%s, %s: answered %+v, want %+v", action, name, f, want)
			}
		}
		if row := w.row(t, "acme", id); row.Status != protocol.Pending || !slices.Equal(row.Watchers, []string{connectionID}) {
			t.Errorf("%s: the row is %+v", action, row)
		}
	}
}

func TestOwnActionsWithoutARequest(t *testing.T) {
	w := open(t)
	for _, action := range []string{"get", "subscribe", "unsubscribe", "cancel"} {
		for rest, field := range map[string]string{
			``: "request_id", `,"payload":{}`: "request_id", `,"payload":{"request_id":""}`: "request_id", `,"request_id":""`: "request_id",
			`,"payload":{"request_id":7}`: "request_id", `,"payload":[]`: "", `,"payload":"x"`: "", `,"request_id":7`: "request_id",
		} {
			f := w.refused(t, w.message(t, `{"id":"m1","action":"streamer.`+action+`"`+rest+`}`), protocol.BadMessage)
			if named, _ := f.Details["field"].(string); f.ID != "m1" || named != field {
				t.Errorf("%s%s: answered %+v", action, rest, f)
			}
		}
	}
}

func TestSubscribeAndUnsubscribe(t *testing.T) {
	w := open(t, echoAsync)
	id := w.accept(t, w.message(t, pending))
	claimed(t, w, id)
	want := protocol.Subscribed{Answer: answered, RequestID: id, Status: protocol.Processing, Attempt: 1, Percentage: 40, Message: "some", Seq: 1_000_005}
	for range 2 { // again is the same
		if f := w.send(t, as(w.message(t, about("subscribe", id)), "acme", "ann", "second=")); f != protocol.Frame(want) {
			t.Errorf("answered %+v, want %+v", f, want)
		}
		if row := w.row(t, "acme", id); !slices.Equal(row.Watchers, []string{connectionID, "second="}) || row.Fence != 1 {
			t.Errorf("the row is %+v", row)
		}
	}
	for range 2 {
		f := w.send(t, as(w.message(t, about("unsubscribe", id)), "acme", "ann", "second="))
		if f != protocol.Frame(protocol.Unsubscribed{Answer: answered, RequestID: id}) {
			t.Errorf("answered %+v", f)
		}
		if row := w.row(t, "acme", id); !slices.Equal(row.Watchers, []string{connectionID}) {
			t.Errorf("the row is %+v", row)
		}
	}
	w.say(t, about("unsubscribe", id)) // the last one
	if row := w.row(t, "acme", id); len(row.Watchers) != 0 {
		t.Errorf("the row is %+v", row)
	}
	if f := w.say(t, about("subscribe", id)); f.Type() != protocol.TypeSubscribed || len(w.posted.posts) != 0 {
		t.Errorf("answered %+v, posted %v", f, w.posted.posts)
	}
}

func TestSubscribeToARequestThatHasEnded(t *testing.T) {
	w := open(t, echoAsync)
	id := w.accept(t, w.message(t, pending))
	completed(t, w, id)
	f, ok := w.say(t, about("subscribe", id)).(protocol.Complete)
	if !ok || f.RequestID != id || string(f.Result) != `{"a":"<&>"}` || f.Ref != "sub" || f.Seq != 1_000_007 {
		t.Errorf("answered %+v", f)
	}
	first := protocol.Subscribed{Answer: answered, RequestID: id, Status: protocol.Completed, Attempt: 1, Percentage: 100, Message: "some", Seq: 1_000_006}
	if !reflect.DeepEqual(w.posted.posts, []post{{connectionID, first}}) {
		t.Errorf("posted %+v, want %+v", w.posted.posts, first)
	}
	w.posted.answer = func(string) error { return streamer.ErrThrottled }
	if f := w.say(t, about("subscribe", id)); f.Type() != protocol.TypeComplete {
		t.Errorf("the first of two frames was not posted, and then: %+v", f)
	}
	w.files.err = errors.New("secret")
	large := w.accept(t, w.message(t, pending))
	claimed(t, w, large)
	w.update(t, large, lifecycle.Complete(1, lifecycle.Outcome{At: lifecycle.PlaceObject, Size: 1}, 1, start))
	for _, action := range []string{"subscribe", "get", "cancel"} {
		quiet(t, w.refused(t, w.message(t, about(action, large)), protocol.Unavailable))
	}
}

// opened is a connection whose token runs out at some time.
func opened(id string, until time.Time) store.Connection {
	return store.Connection{ID: id, TokenExpires: until.Unix(), ExpiresAt: until.Add(15 * time.Minute).Unix()}
}

// fill makes n connections watch a request, of which those that are open are in the table.
func (w *world) fill(t *testing.T, id string, n int, open func(i int) bool) {
	t.Helper()
	for i := range n {
		c := fmt.Sprint("w", i)
		w.update(t, id, lifecycle.Watch("ann", c))
		if open(i) {
			w.connections.rows[c] = opened(c, w.clock.Now().Add(time.Hour))
		}
	}
}

func TestTheEleventhWatcher(t *testing.T) {
	all := func(int) bool { return true }
	eleventh := func(t *testing.T, w *world, id string) protocol.Frame {
		t.Helper()
		return w.send(t, as(w.message(t, about("subscribe", id)), "acme", "ann", "eleventh="))
	}
	begin := func(t *testing.T, open_ func(int) bool) (*world, string) {
		t.Helper()
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		w.connections.rows[connectionID] = opened(connectionID, start.Add(time.Hour))
		w.fill(t, id, protocol.MaxWatchers-1, open_)
		return w, id
	}
	t.Run("all open", func(t *testing.T) {
		w, id := begin(t, all)
		f, ok := eleventh(t, w, id).(protocol.Error)
		if !ok || f.Code != protocol.TooManyWatchers || !f.Retryable || f.Details["limit"] != 10.0 || len(w.row(t, "acme", id).Watchers) != 10 {
			t.Errorf("answered %+v", f)
		}
		if f := w.say(t, about("subscribe", id)); f.Type() != protocol.TypeSubscribed {
			t.Errorf("one of the ten is answered with %+v", f)
		}
	})
	t.Run("some gone", func(t *testing.T) {
		w, id := begin(t, func(i int) bool { return i != 4 && i != 7 })
		for _, c := range []string{"eleventh=", "twelfth="} {
			f := w.send(t, as(w.message(t, about("subscribe", id)), "acme", "ann", c))
			if row := w.row(t, "acme", id); f.Type() != protocol.TypeSubscribed || !slices.Contains(row.Watchers, c) || len(row.Watchers) != 10 {
				t.Errorf("answered %+v, watchers %v", f, row.Watchers)
			}
		}
		if row := w.row(t, "acme", id); slices.Contains(row.Watchers, "w4") || slices.Contains(row.Watchers, "w7") {
			t.Errorf("watchers %v", row.Watchers)
		}
	})
	t.Run("one past its time", func(t *testing.T) {
		w, id := begin(t, all)
		w.connections.rows["w3"] = opened("w3", start)
		f := eleventh(t, w, id)
		if row := w.row(t, "acme", id); f.Type() != protocol.TypeSubscribed || slices.Contains(row.Watchers, "w3") {
			t.Errorf("answered %+v, watchers %v", f, row.Watchers)
		}
	})
	t.Run("by its key again", func(t *testing.T) {
		w := open(t, echoAsync)
		const keyed = `{"action":"echo_async","idempotency_key":"k"}`
		for i := range 30 { // a client that loses its connection again and again
			f, ok := w.send(t, as(w.message(t, keyed), "acme", "ann", fmt.Sprint("c", i))).(protocol.Accepted)
			if !ok || f.Duplicate != (i > 0) {
				t.Fatalf("time %d: answered %+v", i, f)
			}
			if row := w.row(t, "acme", f.RequestID); !slices.Contains(row.Watchers, fmt.Sprint("c", i)) {
				t.Fatalf("time %d: watchers %v", i, row.Watchers)
			}
		}
	})
	t.Run("of a request that has ended", func(t *testing.T) {
		w, id := begin(t, all)
		completed(t, w, id)
		for range 2 {
			f, ok := eleventh(t, w, id).(protocol.Complete)
			if !ok || f.RequestID != id || len(w.row(t, "acme", id).Watchers) != 10 {
				t.Errorf("answered %+v", f)
			}
		}
		if got := w.posted.said(); !slices.Equal(got, []string{"eleventh= subscribed", "eleventh= subscribed"}) {
			t.Errorf("posted %v", got)
		}
	})
	for name, set := range map[string]func(*world){
		"while the connections are away": func(w *world) { w.connections.err = errors.New("secret") },
		"while the requests are away":    func(w *world) { w.requests.fail = failing("unwatch") },
		"and away for the second time": func(w *world) {
			first := true
			w.requests.fail = func(op string) error {
				if op == "watch" && !first {
					return errors.New("secret")
				}
				first = first && op != "watch"
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, id := begin(t, func(i int) bool { return i != 0 })
			set(w)
			f, ok := eleventh(t, w, id).(protocol.Error)
			if !ok || f.Code != protocol.Unavailable {
				t.Errorf("answered %+v", f)
			}
			quiet(t, f)
		})
	}
}

func TestCancelOfARequestThatWaits(t *testing.T) {
	for name, move := range map[string]func(*testing.T, *world, string){"pending": func(*testing.T, *world, string) {}, "retrying": retrying} {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		move(t, w, id)
		w.fill(t, id, 2, func(int) bool { return true })
		fence := w.row(t, "acme", id).Fence
		event := protocol.Event{RequestID: id, Ref: "sub", Seq: lifecycle.Seq(fence+1, 1), TS: start.UnixMilli()}
		if f := w.say(t, about("cancel", id)); f != protocol.Frame(protocol.CancelledFrame{Event: event, ID: "m1"}) {
			t.Errorf("%s: answered %+v", name, f)
		}
		if got := w.posted.said(); !slices.Equal(got, []string{"w0 cancelled", "w1 cancelled"}) {
			t.Errorf("%s: posted %v", name, got)
		}
		row := w.row(t, "acme", id)
		if row.Status != protocol.Cancelled || row.Fence != fence+1 || row.EndedAt != start.UnixMilli() || row.TTL != start.Add(lifecycle.Retention).Unix() || row.OpenShard != "" {
			t.Errorf("%s: the row is %+v", name, row)
		}
		if w.metrics.Sums()["RequestsCancelled echo_async"] != 1 {
			t.Errorf("%s: metrics %v", name, w.metrics.Sums())
		}
		w.posted.posts = nil
		f, ok := w.say(t, about("cancel", id)).(protocol.Request) // again
		if !ok || f.Status != protocol.Cancelled || len(w.posted.posts) != 0 || w.metrics.Sums()["RequestsCancelled echo_async"] != 1 {
			t.Errorf("%s: again is answered with %+v, posted %v", name, f, w.posted.posts)
		}
	}
}

func TestCancelOfARequestThatRuns(t *testing.T) {
	w := open(t, echoAsync)
	id := w.accept(t, w.message(t, pending))
	claimed(t, w, id)
	for range 2 {
		f, ok := w.say(t, about("cancel", id)).(protocol.Request)
		if !ok || f.ID != "m1" || f.Status != protocol.Processing || len(w.posted.posts) != 0 || len(w.metrics.Sums()) != 1 {
			t.Errorf("answered %+v, posted %v, metrics %v", f, w.posted.posts, w.metrics.Sums())
		}
		if row := w.row(t, "acme", id); row.CancelAt != start.UnixMilli() || row.Fence != 1 || row.Status != protocol.Processing {
			t.Errorf("the row is %+v", row)
		}
		w.clock.set(w.clock.Now().Add(time.Second)) // the first time counts
	}
}

func TestCancelOfARequestThatHasEnded(t *testing.T) {
	w := open(t, echoAsync)
	id := w.accept(t, w.message(t, pending))
	completed(t, w, id)
	before := w.row(t, "acme", id)
	f, ok := w.say(t, about("cancel", id)).(protocol.Request)
	if !ok || f.Status != protocol.Completed || string(f.Result) != `{"a":"<&>"}` || !reflect.DeepEqual(w.row(t, "acme", id), before) {
		t.Errorf("answered %+v", f)
	}
}

func TestCancelOfARequestThatMoves(t *testing.T) {
	t.Run("claimed meanwhile", func(t *testing.T) {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		first := once("end")
		w.requests.race = func(op string) {
			if first(op) {
				claimed(t, w, id)
			}
		}
		f, ok := w.say(t, about("cancel", id)).(protocol.Request)
		if !ok || f.Status != protocol.Processing || w.row(t, "acme", id).CancelAt == 0 {
			t.Errorf("answered %+v", f)
		}
	})
	t.Run("ended meanwhile", func(t *testing.T) {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		claimed(t, w, id)
		first := once("ask to cancel")
		w.requests.race = func(op string) {
			if first(op) {
				w.update(t, id, lifecycle.Complete(1, lifecycle.Outcome{Result: "1"}, 1, start))
			}
		}
		if f, ok := w.say(t, about("cancel", id)).(protocol.Request); !ok || f.Status != protocol.Completed {
			t.Errorf("answered %+v", f)
		}
	})
	t.Run("always", func(t *testing.T) {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		moves := int64(0)
		w.requests.race = func(op string) {
			if op == "end" {
				moves++
				w.update(t, id, lifecycle.Claim("m", "o", w.clock.Now(), time.Second))
				w.update(t, id, lifecycle.Retry(moves, w.clock.Now(), "X", "x"))
				w.clock.set(w.clock.Now().Add(time.Second))
			}
		}
		row := w.row(t, "acme", id)
		row.MaxAttempts = 100
		w.requests.Memory = store.NewMemory()
		if err := w.requests.Memory.Create(t.Context(), row, start); err != nil {
			t.Fatal(err)
		}
		f := w.refused(t, w.message(t, about("cancel", id)), protocol.Unavailable)
		if !f.Retryable || moves != 5 {
			t.Errorf("answered %+v after %d moves", f, moves)
		}
	})
	t.Run("cancelled by another meanwhile", func(t *testing.T) {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		w.fill(t, id, 1, func(int) bool { return true })
		first := once("end")
		w.requests.race = func(op string) {
			if first(op) {
				other, _ := lifecycle.Cancel(w.row(t, "acme", id), start.Add(-time.Second))
				w.update(t, id, other)
			}
		}
		if f, ok := w.say(t, about("cancel", id)).(protocol.Request); !ok || f.Status != protocol.Cancelled || len(w.posted.posts) != 0 || w.metrics.Sums()["RequestsCancelled echo_async"] != 0 {
			t.Errorf("answered %+v, posted %v", f, w.posted.posts)
		}
	})
	// The SDK repeats a write whose answer was lost, and finds the row as it left it.
	t.Run("by its own write", func(t *testing.T) {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		w.fill(t, id, 1, func(int) bool { return true })
		w.requests.lost = once("end")
		if f := w.say(t, about("cancel", id)); f.Type() != protocol.TypeCancelled || !slices.Equal(w.posted.said(), []string{"w0 cancelled"}) || w.metrics.Sums()["RequestsCancelled echo_async"] != 1 {
			t.Errorf("answered %+v, posted %v, metrics %v", f, w.posted.said(), w.metrics.Sums())
		}
	})
}

func TestCancelTellsWhomItCan(t *testing.T) {
	w := open(t, echoAsync)
	id := w.accept(t, w.message(t, pending))
	w.fill(t, id, 5, func(int) bool { return true })
	throttled := 2
	w.posted.answer = func(c string) error {
		switch c {
		case "w0":
			return streamer.ErrGone
		case "w1":
			return errors.New("API Gateway answered 500")
		case "w2":
			if throttled--; throttled >= 0 {
				return streamer.ErrThrottled
			}
		}
		return nil
	}
	if f := w.say(t, about("cancel", id)); f.Type() != protocol.TypeCancelled {
		t.Errorf("answered %+v", f)
	}
	if got := w.posted.said(); !slices.Equal(got, []string{"w2 cancelled", "w3 cancelled", "w4 cancelled"}) || !strings.Contains(w.log.String(), "not every watcher was told") {
		t.Errorf("posted %v, log %s", got, w.log)
	}
	if spent := w.clock.Now().Sub(start); spent > 2*time.Second {
		t.Errorf("the answer waited %s", spent)
	}
}

func TestOwnActionsWhileTheTableIsAway(t *testing.T) {
	for action, op := range map[string]string{"get": "get", "subscribe": "watch", "unsubscribe": "unwatch", "cancel": "get", "cancel ": "end"} {
		w := open(t, echoAsync)
		id := w.accept(t, w.message(t, pending))
		w.requests.fail = failing(op)
		f := w.refused(t, w.message(t, about(strings.TrimSpace(action), id)), protocol.Unavailable)
		if f.ID != "m1" || !f.Retryable || !strings.Contains(w.log.String(), "secret") {
			t.Errorf("%s: answered %+v, log %s", action, f, w.log)
		}
		quiet(t, f)
	}
}

// mute is API Gateway when it does not answer: a post ends with its context.
type mute struct{ *poster }

func (mute) Send(ctx context.Context, _ string, _ protocol.Frame) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestPostsThatHangHoldUpNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := open(t, echoAsync)
		w.Clock = clock.System{}
		w.Manager = mute{w.posted}
		claims := func(body string) events.APIGatewayWebsocketProxyRequest {
			ev := w.message(t, body)
			ev.RequestContext.Authorizer.(map[string]any)["exp"] = "4102444800"
			return ev
		}
		ended, waiting := w.accept(t, claims(pending)), w.accept(t, claims(pending))
		w.clock.set(time.Now())
		completed(t, w, ended)
		w.fill(t, waiting, 9, func(int) bool { return true })

		began := time.Now()
		if f := w.send(t, claims(about("subscribe", ended))); f.Type() != protocol.TypeComplete || time.Since(began) > 2*time.Second {
			t.Errorf("subscribe is answered with %+v after %s", f, time.Since(began))
		}
		began = time.Now()
		// One post that has begun is let finish, which takes five seconds at most.
		if f := w.send(t, claims(about("cancel", waiting))); f.Type() != protocol.TypeCancelled || time.Since(began) > 7*time.Second {
			t.Errorf("cancel is answered with %+v after %s", f, time.Since(began))
		}
	})
}
