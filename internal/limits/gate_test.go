package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

var start = time.UnixMilli(1_768_857_208_012)

// world is a gate before a table in memory, at a time that only tests move. It counts the
// calls that the gate makes.
type world struct {
	*limits.Gate
	table       *store.Memory
	connections map[string]store.Connection
	mu          sync.Mutex
	now         time.Time
	calls       int
	fail        error
	made        int
	back        func() // before an entry is taken back
}

func open(l contract.Limits) *world {
	w := &world{table: store.NewMemory(), connections: map[string]store.Connection{}, now: start}
	w.Gate = &limits.Gate{Limits: l, Ledgers: counted{w}, Connections: w, Clock: w}
	return w
}

func (w *world) Now() time.Time { return w.now }

func (w *world) After(time.Duration) (<-chan time.Time, func()) { panic("the gate waits for nothing") }

func (w *world) Get(_ context.Context, id string) (store.Connection, bool, error) {
	err := w.called()
	w.mu.Lock()
	defer w.mu.Unlock()
	c, exists := w.connections[id]
	return c, exists, err
}

func (w *world) called() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return w.fail
}

// counted are the ledgers of a world.
type counted struct{ *world }

func (c counted) Enter(ctx context.Context, ledger string, e store.Entry) error {
	if err := c.called(); err != nil {
		return err
	}
	return c.table.Enter(ctx, ledger, e)
}

func (c counted) Look(ctx context.Context, ledger string, now, since time.Time) error {
	if err := c.called(); err != nil {
		return err
	}
	return c.table.Look(ctx, ledger, now, since)
}

func (c counted) Strike(ctx context.Context, ledger string, entries []string) error {
	if err := c.called(); err != nil {
		return err
	}
	if c.back != nil {
		c.back()
	}
	return c.table.Strike(ctx, ledger, entries)
}

func (c counted) Rows(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error) {
	if err := c.called(); err != nil {
		return nil, err
	}
	return c.table.Rows(ctx, tenant, ids)
}

// id is a new request's.
func (w *world) id() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made++
	return lifecycle.KeyedID("acme", "", "", fmt.Sprint(w.made))
}

// submit lets a request in and stores it.
func (w *world) submit(t *testing.T, user, id string) error {
	t.Helper()
	key := lifecycle.Key{Tenant: "acme", ID: id}
	if err := w.Submit(t.Context(), key, user, w.now); err != nil {
		return err
	}
	w.create(t, key, user, w.now)
	return nil
}

// create stores a request, if it is not there.
func (w *world) create(t *testing.T, key lifecycle.Key, user string, now time.Time) {
	t.Helper()
	err := w.table.Create(t.Context(), lifecycle.Accept(lifecycle.Submission{Key: key, User: user, MaxAttempts: 1, Deadline: time.Hour}, now), w.now)
	if _, stood := errors.AsType[*store.RefusedError](err); err != nil && !stood {
		t.Fatal(err)
	}
}

// end ends a request.
func (w *world) end(t *testing.T, id string) {
	t.Helper()
	key := lifecycle.Key{Tenant: "acme", ID: id}
	row, _, err := w.table.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := lifecycle.Cancel(row, w.now)
	if _, err := w.table.Update(t.Context(), key, u); err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err is a refusal of that code, which tells how long to wait.
func refused(t *testing.T, err error, code protocol.Code, limit string) time.Duration {
	t.Helper()
	e, ok := streamer.AsError(err)
	if !ok || e.Code != code || !e.Code.Retryable() || e.Details["limit"] != limit {
		t.Fatalf("err is %v with %v, want %s of the %s", err, e, code, limit)
	}
	after, _ := e.Details["retry_after_ms"].(int64)
	if after < 1 {
		t.Fatalf("retry_after_ms is %v", e.Details["retry_after_ms"])
	}
	return time.Duration(after) * time.Millisecond
}

func in(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWithoutLimitsNothingIsCalled(t *testing.T) {
	var none *limits.Gate
	in(t, none.Submit(t.Context(), lifecycle.Key{}, "ann", start))
	in(t, none.Connect(t.Context(), "acme", "ann", "c1", start))
	w := open(contract.Limits{})
	in(t, w.submit(t, "ann", w.id()))
	in(t, w.Connect(t.Context(), "acme", "ann", "c1", w.now))
	if w.calls != 0 {
		t.Errorf("%d calls", w.calls)
	}
}

func TestOpenRequestsOfAUser(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 3}})
	ids := []string{w.id(), w.id(), w.id()}
	for _, id := range ids {
		in(t, w.submit(t, "ann", id))
	}
	if w.calls != 3 {
		t.Errorf("%d calls for 3 requests", w.calls)
	}
	after := refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
	in(t, w.submit(t, "bob", w.id()))
	in(t, w.submit(t, "ann", ids[1])) // the same again is no new one

	w.end(t, ids[0])
	w.calls = 0
	refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user") // within a second, nobody looks again
	if w.calls != 1 {
		t.Errorf("%d calls for a refusal", w.calls)
	}
	w.now = w.now.Add(after)
	in(t, w.submit(t, "ann", w.id()))
	w.now = w.now.Add(after)
	refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
}

// TestLostInBetween has routers die between the entry and the row.
func TestLostInBetween(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 2}})
	for range 2 {
		in(t, w.Submit(t.Context(), lifecycle.Key{Tenant: "acme", ID: w.id()}, "ann", w.now))
	}
	for _, after := range []time.Duration{0, 20 * time.Second, 38 * time.Second} {
		w.now = start.Add(after)
		refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
	}
	w.now = start.Add(42 * time.Second)
	in(t, w.submit(t, "ann", w.id()))
	in(t, w.submit(t, "ann", w.id()))
}

// TestKeyComesAgainWhileItsEntryIsOld: a key came before, and its router died without a row. The
// entry of then would be struck while the router of now is still about to write the row.
func TestKeyComesAgainWhileItsEntryIsOld(t *testing.T) {
	for _, requests := range []int{1, 2} {
		w := open(contract.Limits{User: contract.Allowance{Requests: requests}})
		again := lifecycle.Key{Tenant: "acme", ID: w.id()}
		in(t, w.Submit(t.Context(), again, "ann", w.now))
		for range requests - 1 {
			in(t, w.submit(t, "ann", w.id()))
		}
		w.now = start.Add(39 * time.Second)
		refused(t, w.Submit(t.Context(), again, "ann", w.now), protocol.TooManyRequests, "user")
		w.now = start.Add(41 * time.Second)
		in(t, w.Submit(t.Context(), again, "ann", w.now))
		w.now = start.Add(70 * time.Second) // which is as long as a router may run
		refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
	}
}

// TestKeyComesAgainWhereItHasExpired: what was made under a key long ago is over, its row is
// about to go, and the entry of a new one must not be struck for that.
func TestKeyComesAgainWhereItHasExpired(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 1}})
	again := w.id()
	in(t, w.submit(t, "ann", again))
	w.end(t, again)
	w.now = w.now.Add(lifecycle.Retention - 20*time.Second)
	in(t, w.Submit(t.Context(), lifecycle.Key{Tenant: "acme", ID: again}, "ann", w.now)) // whose put comes after 25 seconds
	w.now = w.now.Add(10 * time.Second)
	refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
}

// TestNoneReliesOnAnothersEntry: two routers have the same key, and one takes its entry back
// after the other has come by it.
func TestNoneReliesOnAnothersEntry(t *testing.T) {
	for _, mine := range []int{1, 2, 3} {
		w := open(contract.Limits{User: contract.Allowance{Requests: mine}, Tenant: contract.Allowance{Requests: 1}})
		other, twice := w.id(), lifecycle.Key{Tenant: "acme", ID: w.id()}
		in(t, w.submit(t, "bob", other))
		first, second := w.now, w.now.Add(time.Microsecond)
		w.back = func() {
			w.back = nil
			w.end(t, other) // and the tenant has a place again
			w.now = w.now.Add(2 * time.Second)
			if err := w.Submit(t.Context(), twice, "ann", second); err == nil {
				w.create(t, twice, "ann", second)
			}
		}
		refused(t, w.Submit(t.Context(), twice, "ann", first), protocol.TooManyRequests, "tenant")
		w.Limits.Tenant = contract.Allowance{}
		w.now = w.now.Add(time.Minute)
		let := 0
		for range mine {
			if w.submit(t, "ann", w.id()) == nil {
				let++
			}
		}
		if _, exists, _ := w.table.Get(t.Context(), twice); exists {
			let++
		}
		if let != mine {
			t.Errorf("%d are let in, the limit is %d", let, mine)
		}
	}
}

// TestRepeatedKeysTakeOnePlace: of the entries of a request, the one that it began with stays.
func TestRepeatedKeysTakeOnePlace(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 3}})
	id := w.id()
	in(t, w.submit(t, "ann", id))
	for range 5 {
		w.now = w.now.Add(2 * time.Second)
		in(t, w.submit(t, "ann", id))
	}
	in(t, w.submit(t, "ann", w.id()))
	in(t, w.submit(t, "ann", w.id()))
	for range 3 {
		w.now = w.now.Add(time.Minute)
		refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
	}
}

// TestAnAnswerIsLost: an entry that is made, but not known to be, is not made a second time.
func TestAnAnswerIsLost(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 1, SubmitsPerSecond: 1}})
	key := lifecycle.Key{Tenant: "acme", ID: w.id()}
	for range 2 { // as the SDK does
		in(t, w.Submit(t.Context(), key, "ann", w.now))
	}
}

func TestATenantsLimitIsAskedAfterItsUsers(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 3}, Tenant: contract.Allowance{Requests: 4}})
	for range 3 {
		in(t, w.submit(t, "ann", w.id()))
	}
	for range 10 { // a flood takes nothing of the tenant's
		refused(t, w.submit(t, "ann", w.id()), protocol.TooManyRequests, "user")
	}
	in(t, w.submit(t, "bob", w.id()))
	for range 10 { // and the tenant's refusals nothing of the user's
		refused(t, w.submit(t, "bob", w.id()), protocol.TooManyRequests, "tenant")
	}
	w.Limits.Tenant = contract.Allowance{}
	in(t, w.submit(t, "bob", w.id()))
	in(t, w.submit(t, "bob", w.id()))
}

func TestPace(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{SubmitsPerSecond: 2}})
	const burst = 2 * contract.SubmitSeconds
	for range burst {
		in(t, w.submit(t, "ann", w.id()))
	}
	after := refused(t, w.submit(t, "ann", w.id()), protocol.TooFast, "user")
	if after < 500*time.Millisecond || after > 502*time.Millisecond {
		t.Errorf("wait %s", after)
	}
	in(t, w.submit(t, "bob", w.id()))
	w.now = w.now.Add(after)
	in(t, w.submit(t, "ann", w.id()))
	refused(t, w.submit(t, "ann", w.id()), protocol.TooFast, "user")

	w.now = w.now.Add(time.Hour)
	w.calls = 0
	in(t, w.submit(t, "ann", w.id()))
	if w.calls > 2 {
		t.Errorf("%d calls", w.calls)
	}
}

func TestConnections(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Connections: 2}, Tenant: contract.Allowance{Connections: 3}})
	connect := func(user, id string) error {
		t.Helper()
		err := w.Connect(t.Context(), "acme", user, id, w.now)
		if err == nil {
			w.connections[id] = store.Connection{ID: id, ConnectedAt: w.now.UnixMilli(), TokenExpires: w.now.Add(time.Hour).Unix(), ExpiresAt: w.now.Add(2 * time.Hour).Unix()}
		}
		return err
	}
	in(t, connect("ann", "a1"))
	in(t, connect("ann", "a2"))
	refused(t, connect("ann", "a3"), protocol.TooManyConnections, "user")
	in(t, connect("bob", "b1"))
	refused(t, connect("bob", "b2"), protocol.TooManyConnections, "tenant")

	delete(w.connections, "a1") // $disconnect tells no gate
	w.now = w.now.Add(time.Minute + time.Second)
	in(t, connect("bob", "b3"))
	w.now = w.now.Add(time.Hour) // $disconnect never came, and the rows have run out
	in(t, connect("ann", "a4"))
	in(t, connect("ann", "a5"))
}

func TestATableThatDoesNotAnswer(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 1, Connections: 1}})
	w.fail = errors.New("table is away")
	for _, err := range []error{w.submit(t, "ann", w.id()), w.Connect(t.Context(), "acme", "ann", "c1", w.now)} {
		if !errors.Is(err, w.fail) {
			t.Errorf("err is %v", err)
		}
	}
	w.fail = nil
	in(t, w.submit(t, "ann", w.id())) // what was not done is not held against anyone
}

// TestNeverPassedNorRefusedForEver is random: users submit, routers die, requests end, time
// goes by. Never are more open than may be; and when all have ended, all of the limit is there
// again.
func TestNeverPassedNorRefusedForEver(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		mine, all := 1+random.IntN(30), 1+random.IntN(60)
		w := open(contract.Limits{User: contract.Allowance{Requests: mine}, Tenant: contract.Allowance{Requests: all}})
		alive := map[string][]string{}
		total := 0
		for range 400 {
			user := fmt.Sprint("user", random.IntN(3))
			switch random.IntN(10) {
			case 0:
				w.now = w.now.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			case 1: // dies before its put
				if err := w.Submit(t.Context(), lifecycle.Key{Tenant: "acme", ID: w.id()}, user, w.now); err != nil {
					_, known := streamer.AsError(err)
					if !known {
						t.Fatal(err)
					}
				}
			case 2, 3, 4:
				if n := len(alive[user]); n > 0 {
					i := random.IntN(n)
					w.end(t, alive[user][i])
					alive[user] = append(alive[user][:i], alive[user][i+1:]...)
					total--
				}
			default:
				id := w.id()
				if w.submit(t, user, id) == nil {
					alive[user] = append(alive[user], id)
					total++
				}
			}
			if len(alive[user]) > mine || total > all {
				t.Fatalf("seed %d: %d open of %s, %d of the tenant: the limits are %d and %d", seed, len(alive[user]), user, total, mine, all)
			}
		}
		for _, ids := range alive {
			for _, id := range ids {
				w.end(t, id)
			}
		}
		w.now = w.now.Add(2 * time.Minute)
		w.Limits.Tenant = contract.Allowance{}
		if got := w.fill(t, "user0", mine); mine <= 20 && got != mine || got < mine*7/10 {
			t.Fatalf("seed %d: %d of %d are let in when none is open", seed, got, mine)
		}
	}
}

// fill submits until one is refused, at most so many, and returns how many were let in.
func (w *world) fill(t *testing.T, user string, most int) int {
	t.Helper()
	for n := range most {
		if err := w.submit(t, user, w.id()); err != nil {
			refused(t, err, protocol.TooManyRequests, "user")
			return n
		}
	}
	return most
}

// TestWhatDrawersLeave is how near to a large limit the first refusal comes, and what a
// submission costs on average where requests end as they come.
func TestWhatDrawersLeave(t *testing.T) {
	for _, limit := range []int{20, 100, 500} {
		w := open(contract.Limits{User: contract.Allowance{Requests: limit}})
		first := w.fill(t, "ann", limit)
		w = open(contract.Limits{User: contract.Allowance{Requests: limit}})
		n := 2000
		for range n {
			id := w.id()
			w.now = w.now.Add(100 * time.Millisecond)
			in(t, w.submit(t, "ann", id))
			w.end(t, id)
		}
		perSubmit := float64(w.calls) / float64(n)
		t.Logf("a limit of %d: the first refusal at %d; %.2f calls a submission where each ends soon", limit, first, perSubmit)
		if first < limit*7/10 || perSubmit > 1.6 {
			t.Errorf("a limit of %d: the first refusal at %d, %.2f calls a submission", limit, first, perSubmit)
		}
	}
}

// TestAtOnce has many routers at once.
func TestAtOnce(t *testing.T) {
	const most, many = 50, 400
	w := open(contract.Limits{User: contract.Allowance{Requests: most}})
	var mu sync.Mutex
	let := 0
	var all sync.WaitGroup
	for range many {
		id := w.id()
		all.Go(func() {
			err := w.Submit(t.Context(), lifecycle.Key{Tenant: "acme", ID: id}, "ann", w.now)
			if err == nil {
				mu.Lock()
				let++
				mu.Unlock()
			} else if _, known := streamer.AsError(err); !known {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if let > most || let < most*7/10 {
		t.Errorf("%d are let in of %d", let, most)
	}
}

func TestUsersWithOddNamesHaveLedgersOfTheirOwn(t *testing.T) {
	w := open(contract.Limits{User: contract.Allowance{Requests: 1}})
	for _, user := range []string{"a", "A", "a#b", "a#U#b", " ", strings.Repeat("é", 64)} {
		in(t, w.submit(t, user, w.id()))
		refused(t, w.submit(t, user, w.id()), protocol.TooManyRequests, "user")
	}
}
