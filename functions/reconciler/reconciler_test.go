package reconciler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer/functions/reconciler"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

var start = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// watch is a clock that only the test moves.
type watch struct{ at time.Time }

func (w *watch) Now() time.Time                                 { return w.at }
func (w *watch) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// sender keeps the hints that are sent.
type sender struct {
	sent []queue.Hint
	err  error
	only string // the action whose queue it is, if not of all
}

func (s *sender) Send(_ context.Context, hints []queue.Hint) error {
	if s.err != nil && (s.only == "" || s.only == hints[0].Action) {
		return s.err
	}
	s.sent = append(s.sent, hints...)
	return nil
}

func (s *sender) ids() []string {
	var ids []string
	for _, h := range s.sent {
		ids = append(ids, h.Key.ID)
	}
	slices.Sort(ids)
	return ids
}

type world struct {
	reconciler.Reconciler
	table   *store.Memory
	open    *connections
	closer  *closer
	clock   *watch
	queue   *sender
	metrics *metrictest.Tally
	log     *bytes.Buffer
}

func begin() *world {
	w := &world{
		table: store.NewMemory(), open: &connections{live: 3}, closer: &closer{}, clock: &watch{start}, queue: &sender{},
		metrics: &metrictest.Tally{}, log: &bytes.Buffer{},
	}
	w.Reconciler = reconciler.Reconciler{
		Requests: w.table, Connections: w.open, Closer: w.closer, Queue: w.queue, Clock: w.clock, Metrics: w.metrics, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
	}
	return w
}

func (w *world) oldest() []int64 { return w.metrics.Values("OldestWaiting") }

// connections are so many, unless they cannot be counted.
type connections struct {
	live    int
	expired []string
	err     error
	at      time.Time
}

func (c *connections) Survey(_ context.Context, now time.Time, most int) (int, []string, error) {
	c.at = now
	return c.live, c.expired[:min(most, len(c.expired))], c.err
}

// closer keeps the connections that are closed.
type closer struct {
	mu     sync.Mutex
	closed []string
	fail   func(n int) error // of the nth, if set
	takes  time.Duration
	began  int
	now    int
	most   int
}

func (c *closer) Close(ctx context.Context, id string) error {
	c.mu.Lock()
	c.began++
	c.now++
	n := c.began
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	if c.fail != nil {
		if err := c.fail(n); err != nil {
			return err
		}
	}
	time.Sleep(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now--
	c.closed = append(c.closed, id)
	return ctx.Err()
}

func key(n int) lifecycle.Key {
	return lifecycle.Key{Tenant: "acme", ID: fmt.Sprintf("01JGH%021d", n)}
}

// accept puts a request in, as of now.
func (w *world) accept(t *testing.T, n int) lifecycle.Key { return w.acceptFor(t, n, "echo") }

func (w *world) acceptFor(t *testing.T, n int, action string) lifecycle.Key {
	t.Helper()
	row := lifecycle.Accept(lifecycle.Submission{
		Key: key(n), User: "ann", Action: action, MaxAttempts: 3, Deadline: 24 * time.Hour, Connection: "c", Message: "m", Trace: fmt.Sprint("trace", n),
	}, w.clock.at)
	if err := w.table.Create(t.Context(), row, w.clock.at); err != nil {
		t.Fatal(err)
	}
	return key(n)
}

func (w *world) update(t *testing.T, k lifecycle.Key, u lifecycle.Update) lifecycle.Row {
	t.Helper()
	row, err := w.table.Update(t.Context(), k, u)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (w *world) row(t *testing.T, k lifecycle.Key) lifecycle.Row {
	t.Helper()
	row, _, err := w.table.Get(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (w *world) run(t *testing.T) {
	t.Helper()
	if err := w.Handle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyStaleRequestsGetAHint(t *testing.T) {
	w := begin()
	var want []string
	for n := range 60 { // over all shards and several pages of each
		want = append(want, w.accept(t, n).ID)
	}
	shards := map[string]bool{}
	for n := range 60 {
		shards[lifecycle.OpenShard(key(n).ID)] = true
	}
	if len(shards) != contract.OpenShards {
		t.Fatalf("the requests lie in %d shards", len(shards))
	}
	lapsed, backedOff := w.accept(t, 100), w.accept(t, 101)
	w.update(t, lapsed, lifecycle.Claim("m", "o", start, 30*time.Second))
	w.update(t, backedOff, lifecycle.Claim("m", "o", start, 30*time.Second))
	w.update(t, backedOff, lifecycle.Retry(1, start.Add(time.Minute), "X", "x"))
	want = append(want, lapsed.ID, backedOff.ID)

	w.clock.at = start.Add(4 * time.Minute)
	young, running, waiting, ended := w.accept(t, 200), w.accept(t, 201), w.accept(t, 202), w.accept(t, 203)
	w.update(t, running, lifecycle.Claim("m", "o", w.clock.at, 30*time.Second))
	w.update(t, waiting, lifecycle.Claim("m", "o", w.clock.at, 30*time.Second))
	w.update(t, waiting, lifecycle.Retry(1, w.clock.at.Add(time.Hour), "X", "x"))
	w.update(t, ended, lifecycle.Claim("m", "o", w.clock.at, 30*time.Second))
	w.update(t, ended, lifecycle.Complete(1, lifecycle.Outcome{Result: "1"}, 1, w.clock.at))
	w.clock.at = start.Add(5 * time.Minute)

	before := map[string]lifecycle.Row{}
	for _, k := range []lifecycle.Key{key(0), lapsed, backedOff, young, running, waiting, ended} {
		before[k.ID] = w.row(t, k)
	}
	w.run(t)
	if got := w.queue.ids(); !slices.Equal(got, want) {
		t.Errorf("hints for %d requests, want %d: %v", len(got), len(want), got)
	}
	for _, h := range w.queue.sent {
		if h.Key.Tenant != "acme" || h.Action != "echo" || h.Trace != w.row(t, h.Key).Trace || h.Trace == "" {
			t.Errorf("hint %+v", h)
		}
	}
	for id, old := range before {
		row := w.row(t, lifecycle.Key{Tenant: "acme", ID: id})
		if slices.Contains(want, id) {
			old.HintAt, old.Hints = w.clock.at.UnixMilli(), 1
		}
		if !slices.Equal(row.Watchers, old.Watchers) || fmt.Sprint(row) != fmt.Sprint(old) {
			t.Errorf("the row is %+v, want %+v", row, old)
		}
	}
	if wantCounts := map[string]int{"HintsResent echo": 62}; !maps.Equal(w.metrics.Sums(), wantCounts) || !slices.Equal(w.oldest(), []int64{300_000}) {
		t.Errorf("metrics %v, oldest %v", w.metrics.Sums(), w.oldest())
	}
}

func TestHintsGetRarer(t *testing.T) {
	w := begin()
	k := w.accept(t, 1)
	var at []time.Duration
	for minute := range 24 * 60 {
		w.clock.at = start.Add(time.Duration(minute) * time.Minute)
		sent := len(w.queue.sent)
		w.run(t)
		if len(w.queue.sent) > sent {
			at = append(at, time.Duration(minute)*time.Minute)
		}
	}
	minutes := func(n ...time.Duration) []time.Duration {
		for i := range n {
			n[i] *= time.Minute
		}
		return n
	}
	// Two minutes, then 5, 10, 20, 40, 80, 160, 320 and six hours after the one before.
	if want := minutes(2, 7, 17, 37, 77, 157, 317, 637, 997, 1357); !slices.Equal(at, want) {
		t.Errorf("sent at %v, want %v", at, want)
	}
	if row := w.row(t, k); row.Status != protocol.Pending || row.Fence != 0 || row.Hints != len(at) {
		t.Errorf("row %+v", row)
	}
}

func TestNothingToDoIsRecordedToo(t *testing.T) {
	w := begin()
	w.run(t)
	if !slices.Equal(w.oldest(), []int64{0}) || len(w.metrics.Sums()) != 0 || strings.Count(w.log.String(), "\n") != 1 {
		t.Errorf("metrics %+v, log %s", w.metrics, w.log)
	}
}

// racing changes a row just before the reconciler does.
type racing struct {
	*store.Memory
	before func(key lifecycle.Key)
	fail   func(key lifecycle.Key) error
}

func (r racing) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	if r.fail != nil {
		if err := r.fail(key); err != nil {
			return lifecycle.Row{}, err
		}
	}
	r.before(key)
	return r.Memory.Update(ctx, key, u)
}

func TestARequestThatMovesGetsNoHint(t *testing.T) {
	for name, move := range map[string]func(w *world, k lifecycle.Key) error{
		"claimed": func(w *world, k lifecycle.Key) error {
			_, err := w.table.Update(t.Context(), k, lifecycle.Claim("m", "o", w.clock.at, time.Minute))
			return err
		},
		"hinted by another run": func(w *world, k lifecycle.Key) error {
			row, _, err := w.table.Get(t.Context(), k)
			if err == nil {
				_, err = w.table.Update(t.Context(), k, lifecycle.Resend(row, w.clock.at))
			}
			return err
		},
	} {
		w := begin()
		w.accept(t, 1)
		w.clock.at = start.Add(time.Hour)
		w.Requests = racing{Memory: w.table, before: func(k lifecycle.Key) {
			if err := move(w, k); err != nil {
				t.Error(err)
			}
		}}
		w.run(t)
		if len(w.queue.sent) != 0 || len(w.metrics.Sums()) != 0 {
			t.Errorf("%s: sent %v, metrics %v", name, w.queue.sent, w.metrics.Sums())
		}
	}
}

func TestARowThatCannotBeMarkedHoldsUpNoOther(t *testing.T) {
	w := begin()
	for n := range 20 {
		w.accept(t, n)
	}
	w.clock.at = start.Add(time.Hour)
	throttled := errors.New("throttled")
	w.Requests = racing{Memory: w.table, before: func(lifecycle.Key) {}, fail: func(k lifecycle.Key) error {
		if k == key(7) {
			return throttled
		}
		return nil
	}}
	if err := w.Handle(t.Context()); !errors.Is(err, throttled) || len(w.queue.sent) != 19 || len(w.oldest()) != 1 {
		t.Errorf("err is %v, %d sent, oldest %v", err, len(w.queue.sent), w.oldest())
	}
}

// TestAQueueThatIsAwayCostsOneRowItsTurn: each row that is marked in vain waits twice as
// long for its next hint.
func TestAQueueThatIsAwayCostsOneRowItsTurn(t *testing.T) {
	w := begin()
	for n := range 20 {
		w.accept(t, n)
	}
	w.clock.at = start.Add(time.Hour)
	away := errors.New("queue is away")
	w.queue.err = away
	if err := w.Handle(t.Context()); !errors.Is(err, away) || !slices.Equal(w.oldest(), []int64{3_600_000}) {
		t.Errorf("err is %v, oldest %v", err, w.oldest())
	}
	marked := 0
	for n := range 20 {
		marked += w.row(t, key(n)).Hints
	}
	if marked != 1 || len(w.metrics.Sums()) != 0 {
		t.Errorf("%d rows were marked, metrics %v", marked, w.metrics.Sums())
	}
	w.queue.err = nil
	w.run(t)
	if len(w.queue.sent) != 19 {
		t.Errorf("%d hints once the queue is back", len(w.queue.sent))
	}
}

// TestAQueueThatIsAwayHoldsUpNoOther: a worker's queue that takes nothing costs one row
// its turn, and the rows of other actions nothing.
func TestAQueueThatIsAwayHoldsUpNoOther(t *testing.T) {
	w := begin()
	for n := range 20 {
		w.acceptFor(t, n, []string{"echo", "report"}[n%2])
	}
	w.clock.at = start.Add(time.Hour)
	w.queue.err, w.queue.only = errors.New("queue is away"), "report"
	if err := w.Handle(t.Context()); !errors.Is(err, w.queue.err) || len(w.queue.sent) != 10 {
		t.Errorf("err is %v, %d hints", err, len(w.queue.sent))
	}
	marked := 0
	for n := 1; n < 20; n += 2 {
		marked += w.row(t, key(n)).Hints
	}
	if marked != 1 {
		t.Errorf("%d rows were marked in vain", marked)
	}
}

// broken refuses to list one shard.
type broken struct {
	*store.Memory
	shard int
	order *[]int
	after func()
}

func (b broken) Open(ctx context.Context, shard int, before time.Time, page string) ([]lifecycle.Row, string, error) {
	if b.order != nil && page == "" {
		*b.order = append(*b.order, shard)
	}
	if b.after != nil {
		b.after()
	}
	if shard == b.shard {
		return nil, "", errors.New("list refused")
	}
	return b.Memory.Open(ctx, shard, before, page)
}

func TestAShardThatCannotBeReadHoldsUpNoOther(t *testing.T) {
	w := begin()
	want := 0
	for n := range 40 {
		w.accept(t, n)
		if lifecycle.OpenShard(key(n).ID) != lifecycle.OpenShardKey(3) {
			want++
		}
	}
	w.clock.at = start.Add(time.Hour)
	w.Requests = broken{Memory: w.table, shard: 3}
	if err := w.Handle(t.Context()); err == nil || len(w.queue.sent) != want || len(w.oldest()) != 1 {
		t.Errorf("err is %v, %d sent, want %d", err, len(w.queue.sent), want)
	}
}

// limited is a context whose deadline the test's clock is held against.
type limited struct {
	context.Context
	end time.Time
}

func (l limited) Deadline() (time.Time, bool) { return l.end, true }

func TestARunWithoutTimeEndsEarlyAndTheNextBeginsElsewhere(t *testing.T) {
	w := begin()
	firsts := map[int]bool{}
	for range contract.OpenShards {
		var order []int
		w.Requests = broken{Memory: w.table, shard: -1, order: &order, after: func() { w.clock.at = w.clock.at.Add(30 * time.Second) }}
		began := w.clock.at
		w.log.Reset()
		if err := w.Handle(limited{t.Context(), began.Add(2 * time.Minute)}); err != nil {
			t.Fatal(err)
		}
		// 10 s are spared of 120: the fourth shard begins at 90 s, the fifth would at 120.
		if len(order) != 4 || !strings.Contains(w.log.String(), `"unfinished":true`) {
			t.Errorf("shards %v, log %s", order, w.log)
		}
		firsts[order[0]] = true
		w.clock.at = began.Add(5 * time.Minute)
	}
	if len(firsts) != contract.OpenShards || len(w.oldest()) != contract.OpenShards {
		t.Errorf("runs began with the shards %v, oldest %v", firsts, w.oldest())
	}
}

// patient are connections that take their time to be counted, if they have it.
type patient struct{ *connections }

func (p patient) Survey(ctx context.Context, now time.Time, most int) (int, []string, error) {
	select {
	case <-time.After(5 * time.Second):
		return p.connections.Survey(ctx, now, most)
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
}

// TestRequestsAndConnectionsLeaveEachOtherTime: however many there are of the ones, some of the
// others have their turn in each run.
func TestRequestsAndConnectionsLeaveEachOtherTime(t *testing.T) {
	for _, crowd := range []string{"requests", "connections"} {
		synctest.Test(t, func(t *testing.T) {
			w := begin()
			w.Clock, w.Connections = clock.System{}, patient{w.open}
			var order []int
			w.Requests = broken{Memory: w.table, shard: -1, order: &order, after: func() {
				if crowd == "requests" {
					time.Sleep(14 * time.Second)
				}
			}}
			w.open.expired = []string{"a"}
			if crowd == "connections" {
				w.open.expired = make([]string, 1_000)
				w.closer.takes = time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if err := w.Handle(ctx); err != nil || len(w.closer.closed) == 0 || len(order) < 4 || ctx.Err() != nil {
				t.Errorf("many %s: %d connections are closed, %d shards read, error %v", crowd, len(w.closer.closed), len(order), err)
			}
		})
	}
}

func TestLiveConnectionsAreCountedEachRun(t *testing.T) {
	w := begin()
	if err := w.Handle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.metrics.Values("LiveConnections"); !slices.Equal(got, []int64{3}) || !w.open.at.Equal(w.clock.Now()) {
		t.Errorf("measured %v, of %s", got, w.open.at)
	}
	w.metrics.Reset()
	w.open.err = errors.New("table is away")
	w.open.expired = []string{"a"}
	if err := w.Handle(t.Context()); !errors.Is(err, w.open.err) || w.metrics.Values("LiveConnections") != nil || len(w.oldest()) != 1 || w.closer.began != 0 {
		t.Errorf("err is %v, measured %v, %d closed", err, w.metrics.Values("LiveConnections"), w.closer.began)
	}
}

func TestConnectionsWhoseTokenHasRunOutAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := begin()
		for n := range 300 {
			w.open.expired = append(w.open.expired, fmt.Sprintf("c%03d", n))
		}
		w.closer.takes = time.Second
		w.run(t)
		slices.Sort(w.closer.closed)
		if !slices.Equal(w.closer.closed, w.open.expired) || w.closer.most != 8 || !strings.Contains(w.log.String(), `"closed":300`) {
			t.Errorf("%d are closed, %d at once, log %s", len(w.closer.closed), w.closer.most, w.log)
		}
	})
}

// TestARunClosesSoManyAndNoMore: the rest has its turn in the next one.
func TestARunClosesSoManyAndNoMore(t *testing.T) {
	w := begin()
	w.open.expired = make([]string, 10_001)
	w.run(t)
	if len(w.closer.closed) != 10_000 {
		t.Errorf("%d are closed", len(w.closer.closed))
	}
}

// TestConnectionsThatCannotBeClosedFailNoRun: hints and figures are worth more, and the next
// run tries again.
func TestConnectionsThatCannotBeClosedFailNoRun(t *testing.T) {
	w := begin()
	w.open.expired = make([]string, 1_000)
	w.closer.fail = func(n int) error {
		if n > 40 {
			return errors.New("too many calls")
		}
		return nil
	}
	k := w.accept(t, 1)
	w.clock.at = start.Add(time.Hour)
	w.run(t)
	if w.closer.began < 50 || w.closer.began > 50+8 || !strings.Contains(w.log.String(), `"level":"ERROR"`) || !strings.Contains(w.log.String(), "too many calls") {
		t.Errorf("%d were tried, log %s", w.closer.began, w.log)
	}
	if !slices.Equal(w.queue.ids(), []string{k.ID}) || len(w.metrics.Values("LiveConnections")) != 1 {
		t.Errorf("sent %v, measured %v", w.queue.ids(), w.metrics.Values("LiveConnections"))
	}
}

func TestARunWithoutTimeClosesNone(t *testing.T) {
	w := begin()
	w.open.expired = []string{"a", "b"}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // which are spared
	defer cancel()
	if err := w.Handle(ctx); err != nil || w.closer.began != 0 || !strings.Contains(w.log.String(), `"left":2`) {
		t.Errorf("err is %v, %d were tried, log %s", err, w.closer.began, w.log)
	}
}
