package executor_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/protocol"
)

var clocks = executor.Clocks{
	Clocks:     progress.Clocks{Lease: 30 * time.Second, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond},
	Visibility: 60 * time.Second,
}

var (
	key         = lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}
	errNoAnswer = errors.New("no answer")
)

const (
	attempts = 3
	timeout  = time.Minute
)

// rig is one request and everything around the executor, with faults.
type rig struct {
	*executor.Executor
	t       *testing.T
	began   time.Time
	table   *store.Memory
	handler streamer.Handler[json.RawMessage, json.RawMessage]

	mu sync.Mutex
	// before and after, if set, may fail a write before or after it is made.
	before, after func(u lifecycle.Update) error
	fate          map[string]error // of posts
	frames        map[string][]protocol.Frame
	holds         []hold
	holdErr       error
	holdTakes     time.Duration
	docs          map[string][]byte
	docErr        error
	linkErr       error
	counts        map[contract.Metric]int
	log           bytes.Buffer
	records       bytes.Buffer
	deliveries    int
}

type hold struct {
	at, d time.Duration
}

// play runs a test in time that flies, on a request that was just accepted. It fails if a
// goroutine is left.
func play(t *testing.T, name string, test func(t *testing.T, r *rig)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := &rig{
				t: t, began: time.Now(), table: store.NewMemory(), fate: map[string]error{}, frames: map[string][]protocol.Frame{},
				docs: map[string][]byte{}, counts: map[contract.Metric]int{},
			}
			r.Executor = &executor.Executor{
				Requests: table{r.table, r}, Files: files{r}, Connections: connections{r}, Queue: queue{r},
				Stage: ticket.Stage{ConnectionsTable: "connections", RequestsTable: "requests", FilesBucket: "files", CallbackURL: "https://api.example/v1"},
				Clock: clock.System{}, Clocks: clocks, Random: func() float64 { return 0.5 }, Audit: audit.To(&r.records), Metrics: metrics{r}, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
			}
			r.declare(func(*action) {})
			r.accept(func(*lifecycle.Submission) {})
			test(t, r)
		})
	})
}

type action = streamer.Action[json.RawMessage, json.RawMessage]

// declare gives the executor the action that the rig's handler does.
func (r *rig) declare(change func(*action)) {
	r.t.Helper()
	a := action{Name: "work", Async: true, Timeout: timeout, Attempts: attempts}
	change(&a)
	r.deploy(a.Bind(func(ctx context.Context, req *streamer.Request[json.RawMessage], rep streamer.Reporter[json.RawMessage]) error {
		return r.handler(ctx, req, rep)
	}))
}

func (r *rig) deploy(entries ...streamer.Entry) {
	r.t.Helper()
	registry, err := streamer.NewRegistry(entries...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Executor.Registry = registry
}

// accept puts the request anew.
func (r *rig) accept(change func(*lifecycle.Submission)) {
	r.t.Helper()
	s := lifecycle.Submission{
		Key: key, User: "ann", Action: "work", MaxAttempts: attempts, Deadline: time.Hour, Connection: "c", Message: "m", Ref: "ref", Payload: `{"n":1.10}`,
	}
	change(&s)
	r.table = store.NewMemory()
	r.Executor.Requests = table{r.table, r}
	if err := r.table.Create(r.t.Context(), lifecycle.Accept(s, time.Now()), time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

// deliver brings a message, each time to an invocation of its own.
func (r *rig) deliver(message string) error { return r.deliverTo(r.t.Context(), message) }

func (r *rig) deliverTo(ctx context.Context, message string) error {
	r.mu.Lock()
	r.deliveries++
	d := executor.Delivery{Key: key, Message: message, Handle: fmt.Sprint(message, "/", r.deliveries), Owner: fmt.Sprint("owner-", r.deliveries)}
	r.mu.Unlock()
	return r.Deliver(ctx, d)
}

// invoke brings a message to a function that has so much time.
func (r *rig) invoke(message string, time time.Duration) error {
	ctx, cancel := context.WithTimeout(r.t.Context(), time)
	defer cancel()
	return r.deliverTo(ctx, message)
}

func (r *rig) row() lifecycle.Row {
	r.t.Helper()
	row, exists, err := r.table.Get(context.Background(), key)
	if err != nil || !exists {
		r.t.Fatalf("no row: %v", err)
	}
	return row
}

// change does to the row what others do.
func (r *rig) change(u lifecycle.Update) lifecycle.Row {
	r.t.Helper()
	row, err := r.table.Update(context.Background(), key, u)
	if err != nil {
		r.t.Fatal(err)
	}
	return row
}

func (r *rig) cancel() {
	r.t.Helper()
	u, ok := lifecycle.Cancel(r.row(), time.Now())
	if !ok {
		r.t.Fatal("there is nothing to cancel")
	}
	r.change(u)
}

func (r *rig) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// types are the frames that a connection got, progress by its percentage.
func (r *rig) types(c string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, f := range r.frames[c] {
		if p, ok := f.(protocol.Progress); ok {
			got = append(got, fmt.Sprint(p.Percentage))
		} else {
			got = append(got, string(f.Type()))
		}
	}
	return got
}

func (r *rig) wantFrames(want ...string) {
	r.t.Helper()
	if got := r.types("c"); !slices.Equal(got, want) {
		r.t.Errorf("got frames %v, want %v", got, want)
	}
	var last int64
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.frames["c"] {
		seq := event(f).Seq
		if seq < last || seq == last && !f.Type().Terminal() {
			r.t.Errorf("frame %s has number %d after %d", f.Type(), seq, last)
		}
		last = seq
	}
}

func event(f protocol.Frame) protocol.Event {
	switch f := f.(type) {
	case protocol.Progress:
		return f.Event
	case protocol.RetryingFrame:
		return f.Event
	case protocol.Complete:
		return f.Event
	case protocol.FailedFrame:
		return f.Event
	case protocol.CancelledFrame:
		return f.Event
	}
	panic(fmt.Sprintf("not a frame of a request: %T", f))
}

func (r *rig) wantStatus(want protocol.Status, code protocol.Code) {
	r.t.Helper()
	if row := r.row(); row.Status != want || row.Code != code {
		r.t.Errorf("the request is %s %s (%s), want %s %s\n%s", row.Status, row.Code, row.Error, want, code, r.log.String())
	}
}

func (r *rig) wantNotice(want string) {
	r.t.Helper()
	if got := r.row().Notice; got != want {
		r.t.Errorf("the row's notice is %q, not %q", got, want)
	}
}

func (r *rig) wantDone(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Errorf("the message is kept: %v\n%s", err, r.log.String())
	}
}

func (r *rig) wantKept(err error) {
	r.t.Helper()
	if !errors.Is(err, executor.ErrKeep) {
		r.t.Errorf("the message is not kept: %v", err)
	}
}

// wantBack checks when the message comes back: d after now.
func (r *rig) wantBack(d time.Duration) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.holds[len(r.holds)-1]
	if got := last.at + last.d - time.Since(r.began); got != d {
		r.t.Errorf("the message comes back in %s, want %s; holds %v", got, d, r.holds)
	}
}

// perRun are the metrics that say what a run was like, whatever came of it.
var perRun = []contract.Metric{contract.MetricRunTime, contract.MetricFirstProgress, contract.MetricProgressPosted, contract.MetricProgressCoalesced}

// wantCounts holds what was measured, but for perRun.
func (r *rig) wantCounts(want map[contract.Metric]int) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	got := maps.Clone(r.counts)
	maps.DeleteFunc(got, func(m contract.Metric, _ int) bool { return slices.Contains(perRun, m) })
	if !maps.Equal(got, want) {
		r.t.Errorf("measured %v, want %v", got, want)
	}
}

type table struct {
	*store.Memory
	r *rig
}

func (t table) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	t.r.mu.Lock()
	before, after := t.r.before, t.r.after
	t.r.mu.Unlock()
	if before != nil {
		if err := before(u); err != nil {
			return lifecycle.Row{}, err
		}
	}
	row, err := t.Memory.Update(ctx, key, u)
	if after != nil && err == nil {
		if err := after(u); err != nil {
			return lifecycle.Row{}, err
		}
	}
	return row, err
}

// document fails what is put beside the row, if that is asked for.
func (t table) document(name string) error {
	t.r.mu.Lock()
	before := t.r.before
	t.r.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(lifecycle.Update{Name: name})
}

func (t table) PutState(ctx context.Context, key lifecycle.Key, hash []byte, state string, expires time.Time) error {
	if err := t.document("put state"); err != nil {
		return err
	}
	return t.Memory.PutState(ctx, key, hash, state, expires)
}

func (t table) PutOnce(ctx context.Context, key lifecycle.Key, name, result string, expires time.Time) (string, error) {
	if err := t.document("put once"); err != nil {
		return "", err
	}
	return t.Memory.PutOnce(ctx, key, name, result, expires)
}

type queue struct{ r *rig }

func (q queue) Hold(ctx context.Context, _ string, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	time.Sleep(q.r.holdTakes) // it is on its way, whatever becomes of the caller
	q.r.mu.Lock()
	defer q.r.mu.Unlock()
	if q.r.holdErr == nil {
		q.r.holds = append(q.r.holds, hold{time.Since(q.r.began), d})
	}
	return q.r.holdErr
}

var hang = errors.New("hang")

type connections struct{ r *rig }

func (c connections) Send(ctx context.Context, id string, f protocol.Frame) error {
	c.r.mu.Lock()
	err := c.r.fate[id]
	if err == nil {
		c.r.frames[id] = append(c.r.frames[id], f)
	}
	c.r.mu.Unlock()
	if err == hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}

func (connections) IsActive(string) bool { return true }

type files struct{ r *rig }

func (f files) Of(key lifecycle.Key) streamer.Files { return requestFiles{} }

func (f files) PutDocument(_ context.Context, key string, doc []byte) ([]byte, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	if f.r.docErr != nil {
		return nil, f.r.docErr
	}
	f.r.docs[key] = doc
	sum := sha256.Sum256(doc)
	return sum[:], nil
}

func (f files) Document(_ context.Context, key string, hash []byte) ([]byte, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	doc, ok := f.r.docs[key]
	if !ok {
		return nil, fmt.Errorf("no document %s", key)
	}
	return doc, nil
}

func (f files) Link(_ context.Context, key string) (string, time.Time, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	return "https://files.example/" + key, time.Now().Add(time.Minute), f.r.linkErr
}

type requestFiles struct{}

func (requestFiles) Put(context.Context, string, string, io.Reader) (streamer.File, error) {
	return streamer.File{Key: "t/acme/x/report.pdf", Size: 7}, nil
}

type metrics struct{ r *rig }

func (m metrics) Add(what contract.Metric, _ metric.Labels, n int) {
	m.r.set(func() { m.r.counts[what] += n })
}

func (m metrics) Value(what contract.Metric, _ metric.Labels, v int64) {
	m.r.set(func() { m.r.counts[what]++ })
	if v < 0 {
		m.r.t.Errorf("metric %s is %d", what.Name, v)
	}
}

// named fails the updates of a name, the first n of them.
func named(name string, n int, err error) func(lifecycle.Update) error {
	return func(u lifecycle.Update) error {
		if u.Name == name && n > 0 {
			n--
			return err
		}
		return nil
	}
}

func succeed(result string) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(_ context.Context, _ *streamer.Request[json.RawMessage], rep streamer.Reporter[json.RawMessage]) error {
		return rep.Complete(json.RawMessage(result))
	}
}

func fail(err error) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(context.Context, *streamer.Request[json.RawMessage], streamer.Reporter[json.RawMessage]) error {
		return err
	}
}

// until works until its context ends, and says why it did.
func until(cause *error) streamer.Handler[json.RawMessage, json.RawMessage] {
	return func(ctx context.Context, _ *streamer.Request[json.RawMessage], _ streamer.Reporter[json.RawMessage]) error {
		<-ctx.Done()
		*cause = context.Cause(ctx)
		return ctx.Err()
	}
}

func large(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }

func executorDelivery(id string) executor.Delivery {
	return executor.Delivery{Key: lifecycle.Key{Tenant: "acme", ID: id}, Message: "m1", Handle: "h", Owner: "o"}
}
