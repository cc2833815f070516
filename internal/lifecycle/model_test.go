package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// The model explores everything that can happen to one request: three workers, three
// attempts of which one may go on in another run, three messages, a reconciler and a
// canceller with reads that may be stale by the time they write, workers that die between
// any two steps, workers that sleep through their lease, messages that are delivered to
// several, or lost, answers that are lost, attempts that are handed over to others, calls that arrive after their worker gave them up. Time stands still at modelNow; that a lease, a
// back-off or the deadline passes is an event that moves the row's time instead.

var (
	modelNow = time.UnixMilli(1_000_000)
	past     = modelNow.UnixMilli() - 1
)

const modelLease = 30 * time.Second

// scene says how many there are and what may happen besides workers and time.
type scene struct {
	name              string
	workers, attempts int
	lossy             bool // messages vanish
	deaf              bool // claims are made whose answer is lost
	late              bool // claims arrive after their worker gave them up: the reconciler mends that
	cancels           bool
	reconciles        bool
	continues         int64 // so often the request may go on in another run
	remotes           int   // so many may have tickets of attempts that were handed over
	takes             int8  // so often they may take one over
}

type phase int8

const (
	idle    phase = iota
	unheard       // its claim was made, but the answer was lost
	running
	finishing // it will end what nobody may work on
	telling   // the outcome is written, nobody was told
	read      // the canceller, the reconciler and who has a ticket: between read and write
	sending   // the reconciler: between write and hint
	done
)

// actor is a worker, the canceller, the reconciler or one that has a ticket.
type actor struct {
	phase   phase
	message int8 // that it works on; the fence of its ticket
	fence   int8 // of its claim; while the answer is out, the one it was made at
	reason  int8 // why it ends the request
	seen    rowID
}

// lost stands in the place of a fence for an invocation that no row names any more.
const lost = -1

const messages = 3

var names = [messages]string{"message-0", "message-1", "message-2"}

// owner names an invocation by the fence at which it first tried its claim: only one
// claim at a fence can hold.
func owner(fence int8) string { return "invocation-" + string('0'+rune(fence)) }

// queue has the messages that are in it.
type queue uint8

func (q queue) has(message int8) bool      { return q>>message&1 == 1 }
func (q queue) with(message int8) queue    { return q | 1<<message }
func (q queue) without(message int8) queue { return q &^ (1 << message) }

type state struct {
	row        rowID
	queue      queue
	told       bool // everyone was told the outcome
	workers    [3]actor
	canceller  actor
	reconciler actor
	late       call // that is on its way, and nobody waits for
	outside
}

func (m *model) start() state {
	var row fields
	for f, v := range map[lifecycle.Field]any{
		"status": string(protocol.Pending), "fence": int64(0), "attempt": int64(0), "max_attempts": int64(m.scene.attempts),
		"deadline_at": modelNow.Add(time.Hour).UnixMilli(), "open_shard": "O#0", "created_at": modelBegan,
	} {
		row[at(f)] = v
	}
	return state{row: m.keep(row), queue: queue(0).with(0)}
}

// call is an update that somebody tries.
type call struct {
	what    what
	message int8
	fence   int8
	reason  int8
	seen    rowID
	notify  bool // its record in the stream is a hint
}

type what int8

const (
	none what = iota
	claim
	resume
	pulse
	complete
	fail
	cancelled
	retry
	goOn
	end
	cancel
	resend
	handOver
	takeOver
)

// update is the real one, mutated if the model is to find that.
func (m *model) update(c call) (u lifecycle.Update) {
	fence, seen := int64(c.fence), m.rows[c.seen].Row
	progress := lifecycle.State{Seq: lifecycle.Seq(fence, 1)}
	last := lifecycle.Seq(fence, 2)
	switch c.what {
	case claim:
		u = lifecycle.Claim(names[c.message], owner(c.fence), modelNow, modelLease)
	case resume:
		u = lifecycle.Resume(seen.Fence, names[c.message], owner(c.fence), modelNow, modelLease)
	case pulse:
		u = lifecycle.Pulse(fence, progress, modelNow, modelLease, nil)
	case complete:
		u = lifecycle.Complete(fence, lifecycle.Outcome{Result: "1"}, last, modelNow)
	case fail:
		u = lifecycle.Fail(fence, "X", "", last, modelNow)
	case cancelled:
		u = lifecycle.Cancelled(fence, last, modelNow)
	case retry:
		u = lifecycle.Retry(fence, modelNow.Add(time.Second), "X", "")
	case goOn:
		u = lifecycle.Continue(fence, progress, modelNow)
	case handOver:
		u = lifecycle.HandOver(fence, progress, modelNow, modelLease)
	case takeOver:
		u = lifecycle.TakeOver(lifecycle.Ticket{Fence: int64(c.message), CreatedAt: modelBegan}, seen.Fence, remoteOwner(seen.Fence), modelNow, modelLease)
	case end:
		u = lifecycle.End(seen, lifecycle.Reason(c.reason), names[c.message], modelNow)
	case cancel:
		u, _ = lifecycle.Cancel(seen, modelNow)
	case resend:
		u = lifecycle.Resend(seen, modelNow)
	}
	if c.notify {
		u = lifecycle.Notify(u)
	}
	if m.mutate != nil {
		u = m.mutate(u)
	}
	return u
}

// check is what must hold of every change of the row.
func (m *model) check(from int, to rowID) {
	pair := [2]rowID{m.list[from].row, to}
	if m.checked[pair] {
		return
	}
	m.checked[pair] = true
	was, is := m.rows[pair[0]], m.rows[pair[1]]
	ended := is.Status.Terminal()
	for _, rule := range []struct {
		name   string
		broken bool
	}{
		{"fence or seq falls", is.Fence < was.Fence || is.Seq < was.Seq},
		{"too many attempts", is.Attempt > is.MaxAttempts},
		{"an attempt is lost", is.Attempt < was.Attempt},
		{"the time to live goes with the end", ended != is.has("ttl")},
		{"the open index goes until the end", ended == is.has("open_shard")},
		{"the terminal frame's number is not above the stored one", ended && !was.Status.Terminal() && is.Seq <= was.Seq},
		{"a lease while it runs, and only then", (is.Status == protocol.Processing) != is.has("lease_until")},
		{"a back-off while it waits, and only then", (is.Status == protocol.Retrying) != is.has("next_at")},
		{"it waits to go on though it runs, or failed since", is.has("continued_at") && (is.Status == protocol.Processing || is.Status == protocol.Retrying)},
		{"the time of the end goes with the end", ended != is.has("ended_at")},
		{"the terminal frame's number is not of its fence", ended && (is.Seq < lifecycle.Seq(is.Fence, 1) || is.Seq >= lifecycle.Seq(is.Fence+1, 0))},
		{"a processor and a ticket have it", is.Status == protocol.Processing && is.has("carrier") == is.has("handed")},
		{"it waits though it was asked to stop", is.has("cancel_at") && (is.Status == protocol.Pending || is.Status == protocol.Retrying)},
	} {
		if rule.broken {
			m.fail(from, rule.name)
		}
	}
}

// steps makes every step that can be made from a state.
func (m *model) steps(n int) {
	s := m.list[n]
	first := len(s.workers) - m.scene.workers // those that are idle stand first
	for w := first; w < len(s.workers); w++ {
		if w == first || s.workers[w] != s.workers[w-1] {
			m.worker(n, s, w)
		}
	}
	m.time(n, s)
	if m.scene.lossy {
		for i := range int8(messages) {
			if s.queue.has(i) {
				to := s
				to.queue = to.queue.without(i)
				m.move(n, to)
			}
		}
	}
	m.canceller(n, s)
	m.reconciler(n, s)
	m.late(n, s)
	m.beyondTheQueue(n, s)
}

// late lets a call arrive that nobody waits for, or be lost.
func (m *model) late(n int, s state) {
	if s.late.what == none {
		return
	}
	to := s
	to.late = call{}
	m.move(n, to)
	if m.try(&to, s.late).held {
		m.begun(n, s, to, s.late)
		m.move(n, to)
	}
}

// begun checks a claim that was made.
func (m *model) begun(n int, s, to state, c call) {
	was, is := m.rows[s.row], m.rows[to.row]
	for _, rule := range []struct {
		name   string
		broken bool
	}{
		{"a claim does not raise fence and seq", is.Fence != was.Fence+1 || lifecycle.Seq(is.Fence, 1) <= was.Seq},
		{"a claim on a request that nobody may begin", was.CancelAt != 0 || was.DeadlineAt <= modelNow.UnixMilli() ||
			was.LeaseUntil >= modelNow.UnixMilli() || was.NextAt > modelNow.UnixMilli()},
		{"a claim does not count one attempt, or a resume does", c.what == claim && is.Attempt != was.Attempt+1 || c.what == resume && is.Attempt != was.Attempt},
		{"a claim does not say whose it is", is.carrier != c.message || is.Owner != owner(c.fence)},
	} {
		if rule.broken {
			m.fail(n, rule.name)
		}
	}
}

// time lets a lease, a back-off or the deadline pass.
func (m *model) time(n int, s state) {
	row := m.rows[s.row]
	if row.Status.Terminal() {
		return
	}
	pass := func(f lifecycle.Field, until int64) {
		if row.num(f) > until {
			later := row.fields
			later[at(f)] = until
			to := s
			to.row = m.keep(later)
			m.move(n, to)
		}
	}
	pass("lease_until", past)
	pass("next_at", modelNow.UnixMilli())
	pass("deadline_at", modelNow.UnixMilli())
}

// canceller comes once, and may die at any point.
func (m *model) canceller(n int, s state) {
	if !m.scene.cancels {
		return
	}
	become := func(a actor, told bool) {
		s.canceller, s.told = a, told
		m.move(n, s)
	}
	switch me := s.canceller; me.phase {
	case idle:
		become(actor{phase: read, seen: m.look(s)}, s.told)
	case read:
		was := m.rows[s.row]
		service := m.scene.remotes > 0 && m.rows[me.seen].Status != protocol.Processing
		r := m.try(&s, call{what: cancel, seen: me.seen, notify: service})
		switch is := m.rows[s.row]; {
		case r.offered && !r.held && !m.overtaken(was, call{what: cancel, seen: me.seen}):
			m.fail(n, "a cancellation is refused though nothing came between")
		case r.held && !is.Status.Terminal() && !is.has("cancel_at"):
			m.fail(n, "nothing says that it is to stop")
		}
		switch {
		case r.held && service:
			s.record = true
		case r.held && m.rows[s.row].Status.Terminal():
			become(actor{phase: telling}, false)
		case r.offered && !r.held:
			become(actor{phase: read, seen: m.look(s)}, s.told)
		}
		become(actor{phase: done}, s.told)
	case telling:
		become(actor{phase: done}, s.told)
		become(actor{phase: done}, true)
	}
}

// reconciler comes again and again.
func (m *model) reconciler(n int, s state) {
	if !m.scene.reconciles {
		return
	}
	to := s
	switch me := s.reconciler; me.phase {
	case idle:
		if row := m.rows[s.row]; !row.Status.Terminal() {
			to.reconciler = actor{phase: read, seen: m.look(s)}
			m.move(n, to)
		}
	case read:
		to.reconciler = actor{}
		m.move(n, to)
		same := m.look(s) == me.seen
		held := m.try(&to, call{what: resend, seen: me.seen}).held
		switch is := m.rows[to.row]; {
		case held != same:
			m.fail(n, "a hint goes out if and only if nothing came between")
		case held && !(is.has("hints") && is.has("hint_at")):
			m.fail(n, "nothing says that a hint was sent")
		case held:
			to.reconciler.phase = sending
			m.move(n, to)
		}
	case sending:
		to.reconciler = actor{}
		m.move(n, to)
		if fresh, free := m.fresh(s); free {
			to.queue = to.queue.with(fresh)
			m.move(n, to)
		}
	}
}

// fresh is a message that is nowhere, as long as there is one.
func (m *model) fresh(s state) (message int8, free bool) {
	used := s.queue
	if carrier := m.rows[s.row].carrier; carrier >= 0 {
		used = used.with(carrier)
	}
	if s.late.what != none {
		used = used.with(s.late.message)
	}
	for _, w := range s.workers {
		if w.phase != idle {
			used = used.with(w.message)
		}
	}
	for message = range int8(messages) {
		if !used.has(message) {
			return message, true
		}
	}
	return 0, false
}

// worker makes every step that one worker can make.
func (m *model) worker(n int, s state, w int) {
	me := s.workers[w]
	row := m.rows[s.row]
	become := func(s state, a actor) {
		s.workers[w] = a
		m.move(n, s)
	}
	if me.phase != idle {
		become(s, actor{}) // it dies
	}
	switch me.phase {
	case idle:
		for message := range int8(messages) {
			if s.queue.has(message) && !m.justHeld(s, message) {
				m.deliver(n, s, w, message, int8(row.Fence))
			}
		}
	case unheard:
		name := me.fence
		if name == lost {
			name = int8(row.Fence) // no row has its old name: it can as well have a new one
		}
		m.deliver(n, s, w, me.message, name)
	case running:
		m.run(n, s, w)
	case finishing:
		to, then := s, actor{}
		held := m.try(&to, call{what: end, seen: me.seen, reason: me.reason, message: me.message}).held
		switch {
		case !held && m.rows[me.seen].LeaseUntil == row.LeaseUntil && !m.overtaken(row, call{what: end, seen: me.seen}):
			m.fail(n, "an end is refused though nothing came between")
		case held && row.LeaseUntil >= modelNow.UnixMilli():
			m.fail(n, "ended under its worker's hands")
		case held && m.rows[to.row].carrier != me.message:
			m.fail(n, "the message that ended it is not its carrier")
		case held:
			then = actor{phase: telling, message: me.message}
		}
		become(to, then)
	case telling:
		s.told = true
		become(s, actor{}) // and it dies before the message is deleted
		m.markTold(&s)
		s.queue = s.queue.without(me.message)
		become(s, actor{})
	}
}

// justHeld is a message that some worker made invisible, and has not left alone since: it
// comes again only after the first calls that are made with it.
func (m *model) justHeld(s state, message int8) bool {
	for _, w := range s.workers {
		if (w.phase == unheard || w.phase == finishing) && w.message == message {
			return true
		}
	}
	return false
}

// run is what a worker may do that has, or had, the request.
func (m *model) run(n int, s state, w int) {
	me, row := s.workers[w], m.rows[s.row]
	try := func(what what) (to state, held bool) {
		to = s
		to.workers[w] = actor{}
		c := call{what: what, fence: me.fence}
		held = m.try(&to, c).held
		may := row.CancelAt == 0 || what != retry && what != goOn
		for _, rule := range []struct {
			name   string
			broken bool
		}{
			{"a write holds for someone else's claim", held && (row.carrier != me.message || row.Fence != int64(me.fence))},
			{"whoever has it may not write", !held && may && !m.overtaken(row, c)},
			{"it is not told how far it is", held && what != retry && m.rows[to.row].Seq < lifecycle.Seq(row.Fence, 1)},
			{"a pulse does not renew the lease", held && what == pulse && m.rows[to.row].LeaseUntil <= modelNow.UnixMilli()},
			{"nothing says that it goes on", held && what == goOn && !m.rows[to.row].Continued()},
			{"what goes on waits as if hints had been sent", held && what == goOn && (m.rows[to.row].has("hints") || m.rows[to.row].has("hint_at"))},
		} {
			if rule.broken {
				m.fail(n, rule.name)
			}
		}
		return to, held
	}
	write := func(what what, then actor) {
		to, held := try(what)
		if held {
			to.workers[w] = then
		}
		m.move(n, to)
	}
	tell := actor{phase: telling, message: me.message}
	write(pulse, me)
	write(complete, tell)
	write(fail, tell)
	if row.CancelAt != 0 {
		write(cancelled, tell)
	}
	if row.Attempt < row.MaxAttempts {
		write(retry, actor{})
	}
	if int64(row.Continuations) < m.scene.continues {
		// The stream makes a message of that; if there is none free, its own stands for it.
		to, held := try(goOn)
		if fresh, free := m.fresh(s); held && free {
			to.queue = to.queue.with(fresh)
			m.move(n, to) // it dies before its own is deleted
			to.queue = to.queue.without(me.message)
		} else if held {
			to.queue = to.queue.with(me.message)
		}
		m.move(n, to)
	}
	if m.scene.remotes == 0 {
		return
	}
	if s.tickets>>me.fence&1 == 0 {
		made := s
		made.tickets |= 1 << me.fence
		m.move(n, made)
		return
	}
	to, held := try(handOver)
	m.move(n, to) // it dies before its message is deleted
	if held {
		to.queue = to.queue.without(me.message)
		m.move(n, to)
	}
}

// deliver is what executor.Deliver does with a message.
func (m *model) deliver(n int, s state, w int, message, name int8) {
	to, row := s, m.rows[s.row]
	calls := []call{{what: claim, message: message, fence: name}}
	if row.Continued() {
		calls = append(calls, call{what: resume, message: message, fence: name, seen: m.look(s)})
	}
	for _, c := range calls {
		if m.scene.late && s.late.what == none {
			gone := s
			gone.workers[w], gone.late = actor{}, c
			gone.late.fence = lost
			m.move(n, gone)
		}
		if !m.try(&to, c).held {
			continue
		}
		m.begun(n, s, to, c)
		to.workers[w] = actor{phase: running, message: message, fence: int8(m.rows[to.row].Fence)}
		m.move(n, to)
		if m.scene.deaf {
			to.workers[w] = actor{phase: unheard, message: message, fence: name}
			m.move(n, to)
		}
		return
	}
	verdict, _, reason := lifecycle.Settle(row.Row, true, names[message], owner(name), modelNow)
	to.workers[w] = actor{}
	switch verdict {
	case lifecycle.Drop:
		to.queue = to.queue.without(message)
	case lifecycle.Wait:
	case lifecycle.Tell:
		to.workers[w] = actor{phase: telling, message: message}
	case lifecycle.Own:
		if s.workers[w].phase != unheard {
			m.fail(n, "a claim is taken for one's own that is not")
		}
		to.workers[w] = actor{phase: running, message: message, fence: int8(row.Fence)}
	case lifecycle.Finish:
		to.workers[w] = actor{phase: finishing, message: message, seen: m.look(s), reason: int8(reason)}
	}
	m.move(n, to)
}

// untold is a state from which nobody would ever be told.
func (m *model) untold(s state) bool {
	return m.rows[s.row].Status.Terminal() && !s.told && s.queue == 0 && s.canceller.phase != telling && s.workers == [3]actor{} &&
		!s.record && s.remotes == [2]actor{}
}

// The scenes: small ones, in which most mistakes show at once, and the whole.
var (
	small = []scene{
		{name: "cancelled", workers: 2, attempts: 2, cancels: true, continues: 1, deaf: true},
		{name: "reconciled", workers: 2, attempts: 2, reconciles: true, deaf: true},
		{name: "late", workers: 2, attempts: 2, reconciles: true, continues: 1, late: true},
		{name: "lossy", workers: 2, attempts: 2, reconciles: true, lossy: true, continues: 1},
		{name: "handed over", workers: 1, attempts: 2, reconciles: true, remotes: 1, takes: 2},
		{name: "handed over and cancelled", workers: 1, attempts: 1, cancels: true, reconciles: true, remotes: 1, takes: 1, deaf: true},
	}
	whole = []scene{
		{name: "whole", workers: 3, attempts: 3, cancels: true, reconciles: true, continues: 1, deaf: true},
		{name: "whole and lossy", workers: 3, attempts: 3, cancels: true, reconciles: true, continues: 1, deaf: true, lossy: true},
		{name: "whole and handed over", workers: 2, attempts: 2, cancels: true, reconciles: true, remotes: 2, takes: 2},
	}
)

func TestModel(t *testing.T) {
	for _, s := range slices.Concat(small, whole) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			m, err := explore(s, nil)
			if err == nil {
				err = m.judge()
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d workers, %d attempts: %d states, %d transitions, %d rows", s.workers, s.attempts, len(m.list), len(m.edges), len(m.rows))
		})
	}
}

// judge checks what must hold of the whole.
func (m *model) judge() error {
	if err := m.refused(); err != nil {
		return err
	}
	terminal := func(s state) bool { return m.rows[s.row].Status.Terminal() }
	if err := m.reaches("a terminal state", terminal); err != nil || m.scene.lossy {
		return err // where messages vanish, a subscriber learns of the end
	}
	if err := m.reaches("a terminal state that everyone was told of", func(s state) bool { return terminal(s) && s.told }); err != nil {
		return err
	}
	for n, s := range m.list {
		if m.untold(s) {
			return violation{"all messages are gone and nobody was told", m.path(n)}
		}
	}
	return nil
}
