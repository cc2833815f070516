package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// person is one user of one tenant, with a connection.
type person struct{ tenant, user, connection string }

// TestNothingCrosses has three users of each of two tenants, who have the same names, do
// 10,000 random things: every verb, about requests, uploads and pages of their own, of each
// other, of the other tenant, unknown ones and what are none, with keys that others use too.
// Nobody ever sees, hears of or changes what is another's; and that it is another's does not
// show: neither in the answer, nor in the calls that it takes, which is what its time is made
// of. STREAMER_SEED plays one run again.
func TestNothingCrosses(t *testing.T) {
	seeds := []uint64{1, 2, 3, 4}
	if text := os.Getenv("STREAMER_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seeds = []uint64{seed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { nothingCrosses(t, seed, 2_500) })
	}
}

func nothingCrosses(t *testing.T, seed uint64, operations int) {
	w := open(t, echoAsync, does("who", func(_ context.Context, req *request, r reporter) error {
		return r.Complete(req.Tenant + "-" + req.User)
	}))
	random := rand.New(rand.NewPCG(seed, 0))
	var people []person
	for _, tenant := range []string{"acme", "globex"} {
		for _, user := range []string{"ann", "bob", "eve"} {
			people = append(people, person{tenant, user, tenant + "-" + user})
		}
	}
	of := map[string]person{} // whose a request, an upload or a page is
	var ids, refs, pages []string
	var calls []string
	w.requests.race = func(op string) { calls = append(calls, op) }
	kinds := map[string]int{}
	golden := event(t, "message")
	type answer struct {
		frame protocol.Frame
		calls []string
	}
	unknown := map[string]answer{} // by the verb

	for i := range operations {
		who := people[random.IntN(len(people))]
		mine := fmt.Sprintf(`{"mine":%q}`, who.connection)
		w.posted.posts = nil
		said := func(body string) events.APIGatewayWebsocketProxyRequest {
			ev := golden
			ev.Body, ev.RequestContext.RequestID = body, fmt.Sprint("message", i)
			return as(ev, who.tenant, who.user, who.connection)
		}
		ask := func(body string) (protocol.Frame, []string) {
			calls = nil
			reads := w.files.reads
			f := w.send(t, said(body))
			return f, append(calls, slices.Repeat([]string{"read upload"}, w.files.reads-reads)...)
		}
		// alike asks for what is not there for who asks, and for what is not there for anyone.
		alike := func(what, kind, body, ofNone string, code protocol.Code) {
			f, took := ask(body)
			u, known := unknown[what]
			if !known {
				u.frame, u.calls = ask(ofNone)
				unknown[what] = u
			}
			if e, refused := u.frame.(protocol.Error); !refused || e.Code != code || !reflect.DeepEqual(f, u.frame) {
				t.Fatalf("seed %d: %s of a %s one is answered with\n%+v\nand of an unknown one with\n%+v", seed, what, kind, f, u.frame)
			}
			if code == protocol.NotFound && len(took) == 0 || !slices.Equal(took, u.calls) {
				t.Fatalf("seed %d: %s of a %s one takes the calls %q, and of an unknown one %q", seed, what, kind, took, u.calls)
			}
		}
		switch verb := []string{"submit", "refer", "upload", "get", "subscribe", "unsubscribe", "cancel", "list", "page", "ping", "who"}[random.IntN(11)]; verb {
		case "ping":
			if f, _ := ask(`{"action":"streamer.ping"}`); f.Type() != protocol.TypePong {
				t.Fatalf("seed %d: %+v", seed, f)
			}
		case "who":
			if f, ok := first(ask(`{"action":"who","payload":{"tenant":"globex","user":"eve"}}`)).(protocol.Response); !ok || string(f.Result) != strconv.Quote(who.connection) {
				t.Fatalf("seed %d: %v is taken for %s", seed, who, f.Result)
			}
		case "submit", "refer":
			key := fmt.Sprint("key", random.IntN(12)) // which others use as well
			body := fmt.Sprintf(`{"action":"echo_async","payload":%s,"idempotency_key":%q}`, mine, key)
			if verb == "refer" {
				refer := func(ref string) string { return fmt.Sprintf(`{"action":"echo_async","payload_ref":%q}`, ref) }
				ref, kind := pick(random, refs, of, who)
				kinds[kind+" upload"]++
				if kind != "own" {
					alike(verb, kind, refer(ref), refer(files.Upload{ID: "01JZZZZZZZZZZZZZZZZZZZZZZZ", Size: 1}.Ref()), protocol.NotFound)
					break
				}
				body = refer(ref)
			}
			answer, _ := ask(body)
			if len(w.posted.posts) > 0 { // of a request that has ended, the end is returned
				answer = w.posted.posts[0].frame
			}
			f, ok := answer.(protocol.Accepted)
			if !ok {
				t.Fatalf("seed %d: %v cannot %s: %+v", seed, who, verb, answer)
			}
			owner, known := of[f.RequestID]
			if known && owner != who || known != f.Duplicate {
				t.Fatalf("seed %d: %v is given %s of %v, duplicate %v", seed, who, f.RequestID, owner, f.Duplicate)
			}
			if !known {
				of[f.RequestID], ids = who, append(ids, f.RequestID)
			}
		case "upload":
			ref := w.upload(t, said(announce(mine)), mine)
			of[ref], refs = who, append(refs, ref)
		case "list", "page":
			list := func(page string) string {
				return fmt.Sprintf(`{"action":"streamer.list","payload":{"limit":%d,"page":%q}}`, 1+random.IntN(10), page)
			}
			page := ""
			if verb == "page" {
				var kind string
				page, kind = pick(random, pages, of, who)
				kinds[kind+" page"]++
				if kind != "own" {
					alike(verb, kind, list(page), list("none"), protocol.InvalidPayload)
					break
				}
			}
			f, ok := first(ask(list(page))).(protocol.Requests)
			if !ok {
				t.Fatalf("seed %d: %v cannot list", seed, who)
			}
			for _, r := range f.Requests {
				if of[r.RequestID] != who {
					t.Fatalf("seed %d: %v is listed %s of %v", seed, who, r.RequestID, of[r.RequestID])
				}
			}
			kinds["listed"] += len(f.Requests)
			if f.Next != "" {
				of[f.Next], pages = who, append(pages, f.Next)
			}
		default:
			id, kind := pick(random, ids, of, who)
			before, exists := w.stored(t, of, id)
			kinds[kind]++
			if kind != "own" {
				alike(verb, kind, about(verb, id), about(verb, "01JZZZZZZZZZZZZZZZZZZZZZZZ"), protocol.NotFound)
				if after, _ := w.stored(t, of, id); exists && !reflect.DeepEqual(before, after) {
					t.Fatalf("seed %d: %v changed %s of %v:\n%+v\n%+v", seed, who, id, of[id], before, after)
				}
				break
			}
			f, _ := ask(about(verb, id))
			if e, refused := f.(protocol.Error); refused && e.Code == protocol.NotFound {
				t.Fatalf("seed %d: %s of %v's own is answered with %+v", seed, verb, who, e)
			}
			if r, got := f.(protocol.Request); got && r.Status == protocol.Completed && string(r.Result) != mine {
				t.Fatalf("seed %d: %v is given the result %s", seed, who, r.Result)
			}
		}
		for _, p := range w.posted.posts {
			if owner := of[requestIn(t, p.frame)]; owner.connection != p.connection {
				t.Fatalf("seed %d: %s of %v is posted to %s", seed, p.frame.Type(), owner, p.connection)
			}
		}
		if random.IntN(4) == 0 && len(ids) > 0 { // so that there is room for new ones, and ends to hear of
			id := ids[random.IntN(len(ids))]
			if row, _ := w.stored(t, of, id); row.Status == protocol.Pending {
				key := lifecycle.Key{Tenant: of[id].tenant, ID: id}
				row, err := w.requests.Memory.Update(t.Context(), key, lifecycle.Claim("m", "o", w.clock.Now(), lifecycle.Retention))
				if err == nil && random.IntN(2) == 0 {
					_, err = w.requests.Memory.Update(t.Context(), key, lifecycle.Complete(row.Fence, lifecycle.Outcome{Result: row.Payload}, lifecycle.Seq(row.Fence, 1), w.clock.Now()))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, id := range ids {
		owner := of[id]
		row, _ := w.stored(t, of, id)
		for _, watcher := range row.Watchers {
			if watcher != owner.connection {
				t.Errorf("seed %d: %s of %v is watched by %s", seed, id, owner, watcher)
			}
		}
		if want := fmt.Sprintf(`{"mine":%q}`, owner.connection); row.Payload != want || row.User != owner.user {
			t.Errorf("seed %d: %s of %v has the payload %s of %s", seed, id, owner, row.Payload, row.User)
		}
	}
	for _, kind := range []string{"own", "foreign", "malformed", "own upload", "foreign upload", "malformed upload", "own page", "foreign page", "malformed page", "listed"} {
		if kinds[kind] < operations/200 {
			t.Errorf("seed %d: of %d things only %d were %s", seed, operations, kinds[kind], kind)
		}
	}
	t.Logf("%d requests; asked about %v", len(ids), maps.Clone(kinds))
}

func first(f protocol.Frame, _ []string) protocol.Frame { return f }

// pick is an id to ask about, and what it is to who asks.
func pick(random *rand.Rand, ids []string, of map[string]person, who person) (id, kind string) {
	if len(ids) == 0 || random.IntN(8) == 0 {
		bad := []string{"x", "01JAAAAAAAAAAAAAAAAAAAAAAA0", "T#acme#R#01JAAAAAAAAAAAAAAAAAAAAAAA", "01jaaaaaaaaaaaaaaaaaaaaaaa", "../acme", strings.Repeat("0", 5_000)}
		if len(ids) > 0 {
			one := ids[random.IntN(len(ids))]
			bad = append(bad, strings.ToLower(one)+"a", one+" ", "#R#"+one, "globex#R#"+one, one[1:])
		}
		return bad[random.IntN(len(bad))], "malformed"
	}
	id = ids[random.IntN(len(ids))]
	if of[id] == who {
		return id, "own"
	}
	return id, "foreign"
}

// stored is a request's row, if there is such a request.
func (w *world) stored(t *testing.T, of map[string]person, id string) (lifecycle.Row, bool) {
	t.Helper()
	owner, known := of[id]
	if !known {
		return lifecycle.Row{}, false
	}
	return w.row(t, owner.tenant, id), true
}

// requestIn is the id of the request that a frame is about.
func requestIn(t *testing.T, f protocol.Frame) string {
	t.Helper()
	text, err := protocol.Encode(f)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	return in.RequestID
}
