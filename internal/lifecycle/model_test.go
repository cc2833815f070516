package lifecycle_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// The model explores everything that can happen to one request: two workers, two
// attempts of which one may go on in another run, two messages, a reconciler and a canceller with reads that may be stale by
// the time they write, workers that die between any two steps, workers that sleep through
// their lease, messages that are delivered to both, answers that are lost. Time stands
// still at modelNow; that a lease, a back-off or the deadline passes is an event that
// moves the row's time instead.

var (
	modelNow = time.UnixMilli(1_000_000)
	past     = int64(999_999)
)

const modelLease = 30 * time.Second

// tracked are the fields that guards look at or checks are about; the first three are
// those that a terminal row may still change.
var tracked = []lifecycle.Field{
	"hints", "hint_at", "reposts",
	"status", "fence", "attempt", "max_attempts", "deadline_at", "lease_until", "next_at", "cancel_at", "continued_at", "continuations",
	"carrier", "owner", "seq", "ended_at", "ttl", "open_shard",
}

// fields is a row, nil being a field that is not there. States share the equal ones.
type fields [19]any

var known = map[fields]*fields{}

func shared(r fields) *fields {
	if known[r] == nil {
		known[r] = &r
	}
	return known[r]
}

var index = func() map[lifecycle.Field]int {
	m := map[lifecycle.Field]int{}
	for i, f := range tracked {
		m[f] = i
	}
	return m
}()

// at is where a field is, -1 for one that is not tracked.
func at(f lifecycle.Field) int {
	if i, ok := index[f]; ok {
		return i
	}
	return -1
}

func (r fields) num(f lifecycle.Field) int64 {
	n, _ := r[at(f)].(int64)
	return n
}

func (r fields) str(f lifecycle.Field) string {
	s, _ := r[at(f)].(string)
	return s
}

func (r fields) status() protocol.Status { return protocol.Status(r.str("status")) }

// row is what the engine is given to decide on.
func (r fields) row() lifecycle.Row {
	return lifecycle.Row{
		Status: r.status(), Fence: r.num("fence"), Attempt: int(r.num("attempt")), MaxAttempts: int(r.num("max_attempts")),
		DeadlineAt: r.num("deadline_at"), LeaseUntil: r.num("lease_until"), NextAt: r.num("next_at"), CancelAt: r.num("cancel_at"),
		ContinuedAt: r.num("continued_at"), Continuations: int(r.num("continuations")),
		Carrier: r.str("carrier"), Owner: r.str("owner"), Seq: r.num("seq"), Hints: int(r.num("hints")), HintAt: r.num("hint_at"),
	}
}

// snapshot is what of a row those look at who read it and write later.
func (r fields) snapshot() *fields {
	var s fields
	for _, f := range []lifecycle.Field{"status", "fence", "lease_until", "hints", "continued_at"} {
		s[at(f)] = r[at(f)]
	}
	return shared(s)
}

// holds evaluates guards as a table would.
func (r fields) holds(when []lifecycle.Guard) bool {
	return slices.ContainsFunc(when, func(g lifecycle.Guard) bool {
		return !slices.ContainsFunc(g, func(t lifecycle.Test) bool { return !r.passes(t) })
	})
}

func (r fields) passes(t lifecycle.Test) bool {
	stored := r[at(t.Field)]
	if t.Op == lifecycle.Missing || stored == nil {
		return t.Op == lifecycle.Missing && stored == nil
	}
	value := t.Value
	if other, ok := value.(lifecycle.Field); ok {
		value = r[at(other)]
	}
	if t.Op == lifecycle.Is {
		return stored == value
	}
	a, b := stored.(int64), value.(int64)
	switch t.Op {
	case lifecycle.Less:
		return a < b
	case lifecycle.AtMost:
		return a <= b
	case lifecycle.Above:
		return a > b
	}
	panic("unknown comparison " + string(t.Op))
}

// with makes an update's changes.
func (r fields) with(u lifecycle.Update) fields {
	for f, v := range u.Set {
		if i := at(f); i >= 0 {
			r[i] = v
		}
	}
	for f, v := range u.Once {
		if i := at(f); i >= 0 && r[i] == nil {
			r[i] = v
		}
	}
	for f, n := range u.Add {
		r[at(f)] = r.num(f) + n
	}
	for _, f := range u.Remove {
		if i := at(f); i >= 0 {
			r[i] = nil
		}
	}
	if r[0] != nil {
		r[0] = int64(1) // how many hints does not matter here, and would have no end
	}
	return r
}

type phase int8

const (
	idle    phase = iota
	unheard       // its claim was made, but the answer was lost
	running
	finishing // it will end what nobody may work on
	telling   // the outcome is written, nobody was told
	read      // the canceller and the reconciler: between read and write
	sending   // the reconciler: between write and hint
	done
)

// actor is a worker, the canceller or the reconciler.
type actor struct {
	phase   phase
	message int8 // that it works on
	fence   int8
	seen    *fields // as it was read
	reason  lifecycle.Reason
}

const messages = 2

type state struct {
	row        *fields
	queue      [messages]bool
	workers    [2]actor
	canceller  actor
	reconciler actor
	told       bool // everyone was told the outcome
}

func name(message int8) string { return "message-" + string('0'+rune(message)) }

// owner names an invocation: no two workers, and no worker twice with a claim between.
func owner(worker int, fence int64) string { return string('a'+rune(worker)) + string('0'+rune(fence)) }

// scene says what may happen besides the two workers and time.
type scene struct {
	lossy      bool // messages vanish
	cancels    bool
	reconciles bool
	continues  bool // an attempt may go on in another run
}

type model struct {
	t     *testing.T
	scene scene
	seen  map[state]int32
	list  []state
	next  [][]int32
	cause []int // the state that each was first reached from
}

// move is one step from a state to another; it checks what must hold of every step.
func (m *model) move(from int, to state) {
	was, is := m.list[from].row, to.row
	fail := func(rule string) {
		m.t.Fatalf("%s: %v after%s", rule, is, m.path(from))
	}
	if was.status().Terminal() && !slices.Equal(was[3:], is[3:]) {
		fail("a terminal state changes")
	}
	if is.num("fence") < was.num("fence") || is.num("seq") < was.num("seq") {
		fail("fence or seq falls")
	}
	if is.num("attempt") > is.num("max_attempts") {
		fail("too many attempts")
	}
	if resumed := was[at("continued_at")] != nil && is.status() == protocol.Processing; is.num("attempt") < was.num("attempt") ||
		resumed && is.num("attempt") != was.num("attempt") {
		fail("an attempt is lost, or one that goes on is counted again")
	}
	if is.status().Terminal() != (is[at("ttl")] != nil) || is.status().Terminal() == (is[at("open_shard")] != nil) {
		fail("time to live and the open index go with the end")
	}
	if is.status().Terminal() && !was.status().Terminal() && is.num("seq") <= was.num("seq") {
		fail("the terminal frame's number is not above the stored one")
	}
	if (is.status() == protocol.Processing) != (is[at("lease_until")] != nil) || (is.status() == protocol.Retrying) != (is[at("next_at")] != nil) {
		fail("a lease while it runs, a back-off while it waits, and only then")
	}
	n, known := m.seen[to]
	if !known {
		n = int32(len(m.list))
		m.cause = append(m.cause, from)
		m.seen[to] = n
		m.list = append(m.list, to)
		m.next = append(m.next, nil)
	}
	m.next[from] = append(m.next[from], n)
}

// path tells how a state is reached.
func (m *model) path(n int) string {
	var steps []string
	for ; n >= 0; n = m.cause[n] {
		s := m.list[n]
		steps = append(steps, fmt.Sprintf("%v queue %v workers %v canceller %v reconciler %v told %v",
			s.row[3:], s.queue, s.workers, s.canceller.phase, s.reconciler.phase, s.told))
	}
	slices.Reverse(steps)
	return "\n" + strings.Join(steps, "\n")
}

// update tries an update, and says whether it held.
func (s *state) update(u lifecycle.Update) bool {
	if !s.row.holds(u.When) {
		return false
	}
	s.row = shared(s.row.with(u))
	return true
}

func (m *model) steps(n int) {
	s := m.list[n]
	for w := range s.workers {
		m.worker(n, s, w)
	}
	// What time does.
	set := func(f lifecycle.Field, v int64) {
		if s.row.num(f) > v {
			to := s
			row := *s.row
			row[at(f)] = v
			to.row = shared(row)
			m.move(n, to)
		}
	}
	if !s.row.status().Terminal() {
		set("lease_until", past)
		set("next_at", modelNow.UnixMilli())
		set("deadline_at", modelNow.UnixMilli())
	}
	if m.scene.lossy {
		for i, there := range s.queue {
			if there {
				to := s
				to.queue[i] = false
				m.move(n, to)
			}
		}
	}
	// The canceller comes once, and may die at any point.
	c := s
	switch s.canceller.phase {
	case idle:
		if !m.scene.cancels {
			break
		}
		c.canceller = actor{phase: read, seen: s.row.snapshot()}
		m.move(n, c)
	case read:
		c.canceller = actor{phase: done}
		m.move(n, c)
		u, possible := lifecycle.Cancel(s.canceller.seen.row(), modelNow)
		switch {
		case !possible:
		case !c.update(u):
			c.canceller = actor{phase: read, seen: s.row.snapshot()}
			m.move(n, c)
		case c.row.status().Terminal():
			c.canceller.phase = telling
			m.move(n, c)
		default:
			m.move(n, c)
		}
	case telling:
		c.canceller.phase = done
		m.move(n, c)
		c.told = true
		m.move(n, c)
	}
	// The reconciler comes again and again.
	r := s
	switch s.reconciler.phase {
	case idle:
		if m.scene.reconciles && !s.row.status().Terminal() {
			r.reconciler = actor{phase: read, seen: s.row.snapshot()}
			m.move(n, r)
		}
	case read:
		r.reconciler = actor{}
		m.move(n, r)
		if r.update(lifecycle.Resend(s.reconciler.seen.row(), modelNow)) {
			r.reconciler.phase = sending
			m.move(n, r)
		}
	case sending:
		r.reconciler = actor{}
		m.move(n, r)
		for i, there := range s.queue { // a message of its own
			if !there && s.row.str("carrier") != name(int8(i)) && !slices.ContainsFunc(s.workers[:], func(a actor) bool { return a.phase != idle && a.message == int8(i) }) {
				r.queue[i] = true
				m.move(n, r)
				break
			}
		}
	}
}

// worker makes every step that one worker can make.
func (m *model) worker(n int, s state, w int) {
	me := s.workers[w]
	become := func(a actor, change ...func(*state)) {
		to := s
		to.workers[w] = a
		for _, c := range change {
			c(&to)
		}
		m.move(n, to)
	}
	remove := func(message int8) func(*state) { return func(to *state) { to.queue[message] = false } }
	if me.phase != idle {
		become(actor{}) // it dies
	}
	switch me.phase {
	case idle:
		for i, there := range s.queue {
			// Also one that the other has; but one that was just held does not come again
			// before the first calls that were made with it are over.
			other := s.workers[1-w]
			held := (other.phase == unheard || other.phase == finishing) && other.message == int8(i)
			if there && !held {
				m.deliver(n, s, w, int8(i), owner(w, s.row.num("fence")))
			}
		}
	case unheard:
		m.deliver(n, s, w, me.message, owner(w, int64(me.fence)))
	case running:
		write := func(u lifecycle.Update, then actor) {
			to := s
			to.workers[w] = actor{}
			if to.update(u) {
				if to.row.str("carrier") != name(me.message) || to.row.num("fence") != int64(me.fence) {
					m.t.Fatalf("%s held for someone else's claim: %s", u.Name, m.path(n))
				}
				to.workers[w] = then
			}
			m.move(n, to)
		}
		tell := actor{phase: telling, message: me.message}
		write(lifecycle.Pulse(int64(me.fence), lifecycle.State{Seq: lifecycle.Seq(int64(me.fence), 1)}, modelNow, modelLease, nil), me)
		write(lifecycle.Complete(int64(me.fence), lifecycle.Outcome{}, lifecycle.Seq(int64(me.fence), 2), modelNow), tell)
		write(lifecycle.Fail(int64(me.fence), "X", "", lifecycle.Seq(int64(me.fence), 2), modelNow), tell)
		if s.row.num("cancel_at") != 0 {
			write(lifecycle.Cancelled(int64(me.fence), lifecycle.Seq(int64(me.fence), 2), modelNow), tell)
		}
		if s.row.num("attempt") < s.row.num("max_attempts") {
			write(lifecycle.Retry(int64(me.fence), modelNow.Add(time.Second), "X", ""), actor{})
		}
		if m.scene.continues && s.row.num("continuations") < 1 {
			m.goOn(n, s, w)
		}
	case finishing:
		to := s
		to.workers[w] = actor{}
		if to.update(lifecycle.End(me.seen.row(), me.reason, name(me.message), modelNow)) {
			if s.row.num("lease_until") >= modelNow.UnixMilli() {
				m.t.Fatalf("ended under its worker's hands: %s", m.path(n))
			}
			to.workers[w] = actor{phase: telling, message: me.message}
		}
		m.move(n, to)
	case telling:
		become(actor{}, func(to *state) { to.told = true }) // and it dies before the message is deleted
		become(actor{}, func(to *state) { to.told = true }, remove(me.message))
	}
}

// goOn is a worker that gives the request back while its attempt goes on. The stream
// makes a message of that, if there is a free one: else one that is there does its duty.
func (m *model) goOn(n int, s state, w int) {
	me := s.workers[w]
	to := s
	to.workers[w] = actor{}
	if !to.update(lifecycle.Continue(int64(me.fence), lifecycle.State{Seq: lifecycle.Seq(int64(me.fence), 1)}, modelNow)) {
		m.move(n, to)
		return
	}
	if !m.scene.lossy {
		fresh := slices.IndexFunc(to.queue[:], func(there bool) bool { return !there })
		if fresh < 0 || fresh == int(me.message) || fresh == int(s.workers[1-w].message) && s.workers[1-w].phase != idle {
			return
		}
		to.queue[fresh] = true
	}
	m.move(n, to) // it dies before its own message is deleted
	to.queue[me.message] = false
	m.move(n, to)
}

// deliver is what executor.Deliver does with a message.
func (m *model) deliver(n int, s state, w int, message int8, owner string) {
	to := s
	if to.update(lifecycle.Claim(name(message), owner, modelNow, modelLease)) ||
		s.row.row().Continued() && to.update(lifecycle.Resume(s.row.num("fence"), name(message), owner, modelNow, modelLease)) {
		fence := to.row.num("fence")
		if fence != s.row.num("fence")+1 || lifecycle.Seq(fence, 1) <= s.row.num("seq") {
			m.t.Fatalf("a claim does not raise fence and seq: %s", m.path(n))
		}
		if s.row.num("cancel_at") != 0 || s.row.num("deadline_at") <= modelNow.UnixMilli() || s.row.num("lease_until") >= modelNow.UnixMilli() {
			m.t.Fatalf("a claim on a request that nobody may begin: %s", m.path(n))
		}
		to.workers[w] = actor{phase: running, message: message, fence: int8(fence)}
		m.move(n, to)
		if m.scene.lossy {
			return // answers are lost in the other scenes
		}
		to.workers[w] = actor{phase: unheard, message: message, fence: int8(s.row.num("fence"))}
		m.move(n, to)
		return
	}
	verdict, _, reason := lifecycle.Settle(s.row.row(), true, name(message), owner, modelNow)
	switch verdict {
	case lifecycle.Drop:
		to.queue[message] = false
		to.workers[w] = actor{}
	case lifecycle.Wait:
		to.workers[w] = actor{}
	case lifecycle.Tell:
		to.workers[w] = actor{phase: telling, message: message}
	case lifecycle.Own:
		if s.workers[w].phase != unheard {
			m.t.Fatalf("a claim is taken for one's own that is not: %s", m.path(n))
		}
		to.workers[w] = actor{phase: running, message: message, fence: int8(s.row.num("fence"))}
	case lifecycle.Finish:
		to.workers[w] = actor{phase: finishing, message: message, seen: s.row.snapshot(), reason: reason}
	}
	m.move(n, to)
}

func explore(t *testing.T, scene scene) *model {
	row := fields{}
	for f, v := range map[lifecycle.Field]any{
		"status": string(protocol.Pending), "fence": int64(0), "attempt": int64(0), "max_attempts": int64(2),
		"deadline_at": modelNow.Add(time.Hour).UnixMilli(), "open_shard": "O#0",
	} {
		row[at(f)] = v
	}
	start := state{row: shared(row)}
	start.queue[0] = true
	m := &model{t: t, scene: scene, seen: map[state]int32{start: 0}, list: []state{start}, next: make([][]int32, 1), cause: []int{-1}}
	for n := 0; n < len(m.list); n++ {
		if n > 1_000_000 {
			t.Fatal("more states than this model should have")
		}
		m.steps(n)
	}
	return m
}

// reaches checks that from every state one can be reached for which good holds.
func (m *model) reaches(what string, good func(state) bool) {
	back := make([][]int32, len(m.list))
	for from, next := range m.next {
		for _, to := range next {
			back[to] = append(back[to], int32(from))
		}
	}
	can := make([]bool, len(m.list))
	var queue []int32
	for n, s := range m.list {
		if good(s) {
			can[n], queue = true, append(queue, int32(n))
		}
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, from := range back[n] {
			if !can[from] {
				can[from], queue = true, append(queue, from)
			}
		}
	}
	for n, ok := range can {
		if !ok {
			m.t.Fatalf("no way to %s: %s", what, m.path(n))
		}
	}
}

func TestModel(t *testing.T) {
	terminal := func(s state) bool { return s.row.status().Terminal() }
	for name, scene := range map[string]scene{
		"cancelled":       {cancels: true, continues: true},
		"reconciled":      {reconciles: true},
		"messages vanish": {reconciles: true, lossy: true, continues: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := explore(t, scene)
			t.Logf("%d states", len(m.list))
			m.reaches("a terminal state", terminal)
			if scene.lossy {
				return // a subscriber learns of the end
			}
			m.reaches("a terminal state that everyone was told of", func(s state) bool { return terminal(s) && s.told })
			for n, s := range m.list {
				if terminal(s) && !s.told && s.queue == [messages]bool{} && s.canceller.phase != telling &&
					!slices.ContainsFunc(s.workers[:], func(a actor) bool { return a.phase != idle }) {
					t.Fatalf("all messages are gone and nobody was told: %s", m.path(n))
				}
			}
		})
	}
}
