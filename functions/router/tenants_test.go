package router_test

import (
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

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// person is one user of one tenant, with a connection.
type person struct{ tenant, user, connection string }

// TestNothingCrosses has three users of each of two tenants, who have the same names, do
// 10,000 random things: every verb, about requests of their own, of each other, of the other
// tenant, unknown ones and what are no ids, with keys that others use too. Nobody ever sees,
// hears of or changes what is another's; and that it is another's does not show: neither in
// the answer, nor in the calls that it takes, which is what its time is made of.
// STREAMER_SEED plays one run again.
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
	w := open(t, echoAsync)
	random := rand.New(rand.NewPCG(seed, 0))
	var people []person
	for _, tenant := range []string{"acme", "globex"} {
		for _, user := range []string{"ann", "bob", "eve"} {
			people = append(people, person{tenant, user, tenant + "-" + user})
		}
	}
	of := map[string]person{} // whose a request is
	var ids []string
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
		calls, w.posted.posts = nil, nil
		ask := func(body string) protocol.Frame {
			calls = nil
			ev := golden
			ev.Body, ev.RequestContext.RequestID = body, fmt.Sprint("message", i)
			return w.send(t, as(ev, who.tenant, who.user, who.connection))
		}
		switch verb := []string{"submit", "get", "subscribe", "unsubscribe", "cancel", "list"}[random.IntN(6)]; verb {
		case "submit":
			key := fmt.Sprint("key", random.IntN(12)) // which others use as well
			answer := ask(fmt.Sprintf(`{"action":"echo_async","payload":{"mine":%q},"idempotency_key":%q}`, who.connection, key))
			if len(w.posted.posts) > 0 { // of a request that has ended, the end is returned
				answer = w.posted.posts[0].frame
			}
			f, ok := answer.(protocol.Accepted)
			if !ok {
				t.Fatalf("seed %d: %v cannot submit: %+v", seed, who, answer)
			}
			owner, known := of[f.RequestID]
			if known && owner != who || known != f.Duplicate {
				t.Fatalf("seed %d: %v is given %s of %v, duplicate %v", seed, who, f.RequestID, owner, f.Duplicate)
			}
			if !known {
				of[f.RequestID], ids = who, append(ids, f.RequestID)
			}
		case "list":
			f, ok := ask(`{"action":"streamer.list","payload":{"limit":50}}`).(protocol.Requests)
			if !ok {
				t.Fatalf("seed %d: %v cannot list", seed, who)
			}
			for _, r := range f.Requests {
				if of[r.RequestID] != who {
					t.Fatalf("seed %d: %v is listed %s of %v", seed, who, r.RequestID, of[r.RequestID])
				}
			}
			kinds["listed"] += len(f.Requests)
		default:
			id, kind := pick(random, ids, of, who)
			before, exists := w.stored(t, of, id)
			f := ask(about(verb, id))
			took := slices.Clone(calls)
			kinds[kind]++
			if kind == "own" {
				if e, refused := f.(protocol.Error); refused && e.Code == protocol.NotFound {
					t.Fatalf("seed %d: %s of %v's own is answered with %+v", seed, verb, who, e)
				}
				break
			}
			if after, _ := w.stored(t, of, id); exists && !reflect.DeepEqual(before, after) {
				t.Fatalf("seed %d: %v changed %s of %v:\n%+v\n%+v", seed, who, id, of[id], before, after)
			}
			u, known := unknown[verb]
			if !known {
				u.frame = ask(about(verb, "01JZZZZZZZZZZZZZZZZZZZZZZZ"))
				u.calls = slices.Clone(calls)
				unknown[verb] = u
			}
			if e, refused := u.frame.(protocol.Error); !refused || e.Code != protocol.NotFound || !reflect.DeepEqual(f, u.frame) {
				t.Fatalf("seed %d: %s of a %s id is answered with\n%+v\nand of an unknown one with\n%+v", seed, verb, kind, f, u.frame)
			}
			if len(took) == 0 || !slices.Equal(took, u.calls) {
				t.Fatalf("seed %d: %s of a %s id takes the calls %q, and of an unknown one %q", seed, verb, kind, took, u.calls)
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
				u := lifecycle.Claim("m", "o", w.clock.Now(), lifecycle.Retention)
				if _, err := w.requests.Memory.Update(t.Context(), lifecycle.Key{Tenant: of[id].tenant, ID: id}, u); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for id, owner := range of {
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
	for _, kind := range []string{"own", "foreign", "malformed", "listed"} {
		if kinds[kind] < operations/100 {
			t.Errorf("seed %d: of %d things only %d were %s", seed, operations, kinds[kind], kind)
		}
	}
	t.Logf("%d requests; asked about %v", len(ids), maps.Clone(kinds))
}

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
