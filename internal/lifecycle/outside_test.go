package lifecycle_test

import (
	"fmt"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// outside is what is beyond the queue: those who have tickets, and the stream's record of
// a write that nobody told of.
type outside struct {
	remotes [2]actor
	tickets uint16 // that handlers made, by the fences of their claims
	takes   int8   // made so far
	record  bool
}

// String has what is there.
func (o outside) String() string {
	if o == (outside{}) {
		return ""
	}
	return fmt.Sprintf(" remotes %v tickets %b takes %d record %v", o.remotes, o.tickets, o.takes, o.record)
}

// canonicalOutside is the part of canonical that is about what is beyond the queue.
func (m *model) canonicalOutside(row *stored, o outside) outside {
	for i := range o.remotes {
		switch r := &o.remotes[i]; {
		case r.phase == running && m.overtaken(row, call{what: pulse, fence: r.fence}),
			r.phase == read && m.overtaken(row, call{what: takeOver, message: r.message, seen: r.seen}),
			r.phase == unheard && row.Owner != remoteOwner(int64(r.fence)):
			*r = actor{}
		}
	}
	if row.Status.Terminal() {
		o.tickets, o.takes = 0, 0
	}
	if m.scene.remotes == 2 && o.remotes[1].key() < o.remotes[0].key() {
		o.remotes[0], o.remotes[1] = o.remotes[1], o.remotes[0]
	}
	return o
}

// modelBegan is when the request was accepted.
const modelBegan = int64(1)

// remoteOwner names one that has a ticket by the fence that it saw, as owner does.
func remoteOwner(fence int64) string { return fmt.Sprint("remote-", fence) }

// beyondTheQueue makes every step that is made there.
func (m *model) beyondTheQueue(n int, s state) {
	if s.record {
		if fresh, free := m.fresh(s); free {
			to := s
			to.record = false
			to.queue = to.queue.with(fresh)
			m.move(n, to)
		}
	}
	for i := range m.scene.remotes {
		if i == 0 || s.remotes[i] != s.remotes[i-1] {
			m.remote(n, s, i)
		}
	}
}

// remote makes every step that one who has a ticket can make.
func (m *model) remote(n int, s state, i int) {
	me, row := s.remotes[i], m.rows[s.row]
	become := func(s state, a actor) {
		s.remotes[i] = a
		m.move(n, s)
	}
	if me.phase != idle {
		become(s, actor{}) // it dies
	}
	switch me.phase {
	case idle:
		for ticket := int8(0); s.tickets>>ticket != 0; ticket++ {
			if s.tickets>>ticket&1 == 1 && s.takes < m.scene.takes && !row.Status.Terminal() {
				become(s, actor{phase: read, message: ticket, seen: m.look(s)})
			}
		}
	case read:
		m.take(n, s, i)
	case unheard: // it asks again, and looks at what refuses it
		if row.Owner == remoteOwner(int64(me.fence)) && row.Status == protocol.Processing && row.Fence == int64(me.fence)+1 {
			become(s, actor{phase: running, fence: int8(row.Fence)})
		}
	case running:
		m.runOutside(n, s, i)
	case telling:
		s.told = true
		become(s, actor{}) // and it dies before it says so
		m.markTold(&s)
		become(s, actor{})
	}
}

// take takes an attempt over.
func (m *model) take(n int, s state, i int) {
	me, row, to := s.remotes[i], m.rows[s.row], s
	c := call{what: takeOver, message: me.message, seen: me.seen}
	held := m.try(&to, c).held
	is := m.rows[to.row]
	for _, rule := range []struct {
		name   string
		broken bool
	}{
		{"a good ticket is refused", !held && !m.overtaken(row, c)},
		{"a ticket takes what was not handed over to it", held && row.Handed != int64(me.message)},
		{"who takes over does not raise the fence", held && is.Fence != row.Fence+1},
		{"who takes over has no lease", held && is.LeaseUntil <= modelNow.UnixMilli()},
		{"who takes over does not say who it is", held && is.Owner != remoteOwner(row.Fence)},
		{"a take counts as an attempt", is.Attempt != row.Attempt},
	} {
		if rule.broken {
			m.fail(n, rule.name)
		}
	}
	to.remotes[i] = actor{}
	if held {
		to.takes++
		to.remotes[i] = actor{phase: running, fence: int8(is.Fence)}
		if m.scene.deaf {
			unanswered := to
			unanswered.remotes[i] = actor{phase: unheard, fence: int8(row.Fence)}
			m.move(n, unanswered)
		}
	}
	m.move(n, to)
}

// runOutside is what one may do that took an attempt over.
func (m *model) runOutside(n int, s state, i int) {
	me, row := s.remotes[i], m.rows[s.row]
	write := func(what what, then actor) {
		to := s
		to.remotes[i] = actor{}
		c := call{what: what, fence: me.fence, notify: what != pulse && what != goOn}
		held := m.try(&to, c).held
		may := row.CancelAt == 0 || what != retry && what != goOn
		is := m.rows[to.row]
		for _, rule := range []struct {
			name   string
			broken bool
		}{
			{"a write holds for someone else's take", held && (row.Fence != int64(me.fence) || row.Handed == 0)},
			{"whoever took it over may not write", !held && may && !m.overtaken(row, c)},
			{"nothing says that a processor must look", held && c.notify && is.Notice != contract.NoticeDue},
		} {
			if rule.broken {
				m.fail(n, rule.name)
			}
		}
		if held {
			to.remotes[i] = then
			to.record = to.record || c.notify || what == goOn
		}
		m.move(n, to)
	}
	write(pulse, me)
	write(complete, actor{phase: telling})
	write(fail, actor{phase: telling})
	if row.CancelAt != 0 {
		write(cancelled, actor{phase: telling})
	}
	if row.Attempt < row.MaxAttempts {
		write(retry, actor{})
	}
	if int64(row.Continuations) < m.scene.continues {
		write(goOn, actor{})
	}
}

// markTold is lifecycle.Told, of whose row the model keeps too little for the guards.
func (m *model) markTold(s *state) {
	if row := m.rows[s.row]; row.Notice == contract.NoticeDue {
		marked := row.fields
		marked[at("notice")] = contract.NoticeGiven
		s.row = m.keep(marked)
	}
}
