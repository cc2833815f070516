package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// A Transition is a row, an update of it, and the row after that, nil if it is refused.
type Transition struct {
	Name   string
	Row    lifecycle.Row
	Update lifecycle.Update
	Want   *lifecycle.Row
}

// Transitions take every guard of every transition both ways: where it holds, the row is
// as it was but for what the transition changes; where it does not, nothing changes.
func Transitions(now time.Time) []Transition {
	return bench{tenant: "t", shard: 1, now: now}.transitions()
}

func (b bench) transitions() []Transition {
	now := b.now
	later := now.Add(time.Second)
	claim := func(lifecycle.Row) lifecycle.Update { return lifecycle.Claim("message-2", "owner-2", later, lease) }
	claimed := func(r *lifecycle.Row) {
		r.Status, r.Carrier, r.Owner = protocol.Processing, "message-2", "owner-2"
		r.LeaseUntil, r.NextAt, r.Percentage, r.Message = ms(later.Add(lease)), 0, 0, ""
		r.Fence++
		r.Attempt++
		if r.StartedAt == 0 {
			r.StartedAt = ms(later)
		}
	}
	terminal := func(s protocol.Status, seq int64) func(*lifecycle.Row) {
		return func(r *lifecycle.Row) {
			r.Status, r.EndedAt, r.Seq, r.TTL = s, ms(later), seq, later.Add(lifecycle.Retention).Unix()
			r.LeaseUntil, r.NextAt, r.OpenShard = 0, 0, ""
		}
	}
	pulse := func(fence int64, gone ...string) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update {
			return lifecycle.Pulse(fence, lifecycle.State{Percentage: 12.5, Message: "half", Seq: 3_000_004}, later, lease, gone)
		}
	}
	pulsed := func(r *lifecycle.Row) {
		r.Percentage, r.Message, r.Seq, r.LeaseUntil = 12.5, "half", 3_000_004, ms(later.Add(lease))
	}
	complete := func(lifecycle.Row) lifecycle.Update {
		return lifecycle.Complete(3, lifecycle.Outcome{Result: `{"n":1.10}`, File: "k"}, 3_000_009, later)
	}
	completeAt := func(lifecycle.Row) lifecycle.Update {
		return lifecycle.Complete(3, lifecycle.Outcome{At: lifecycle.PlaceObject, Size: 30_000, Hash: []byte{9}}, 3_000_009, later)
	}
	fail := func(lifecycle.Row) lifecycle.Update { return lifecycle.Fail(3, "X", "why", 3_000_009, later) }
	cancelled := func(lifecycle.Row) lifecycle.Update { return lifecycle.Cancelled(3, 3_000_009, later) }
	retry := func(lifecycle.Row) lifecycle.Update {
		return lifecycle.Retry(3, later.Add(time.Minute), "X", "why")
	}
	end := func(reason lifecycle.Reason, carrier string, change func(*lifecycle.Row)) func(lifecycle.Row) lifecycle.Update {
		return func(seen lifecycle.Row) lifecycle.Update {
			change(&seen)
			return lifecycle.End(seen, reason, carrier, later)
		}
	}
	ended := func(s protocol.Status, code protocol.Code) func(*lifecycle.Row) {
		return func(r *lifecycle.Row) {
			terminal(s, lifecycle.Seq(r.Fence+1, 1))(r)
			r.Fence++
			r.Code = code
		}
	}
	asSeen := func(*lifecycle.Row) {}
	cancel := func(change func(*lifecycle.Row)) func(lifecycle.Row) lifecycle.Update {
		return func(seen lifecycle.Row) lifecycle.Update {
			change(&seen)
			u, _ := lifecycle.Cancel(seen, later)
			return u
		}
	}
	resume := func(seen lifecycle.Row) lifecycle.Update {
		return lifecycle.Resume(seen.Fence, "message-2", "owner-2", later, lease)
	}
	goOn := func(fence int64) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update {
			return lifecycle.Continue(fence, lifecycle.State{Percentage: 12.5, Message: "half", Seq: 3_000_004}, later)
		}
	}
	save := func(d lifecycle.Document) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update { return lifecycle.Save(3, 2, d) }
	}
	inRow, beside := lifecycle.Document{JSON: `{"n":1.10}`}, lifecycle.Document{At: lifecycle.PlaceItem, Hash: []byte{4, 5}}
	repost := func(seen lifecycle.Row) lifecycle.Update { return lifecycle.Repost(seen) }
	resend := func(change func(*lifecycle.Row)) func(lifecycle.Row) lifecycle.Update {
		return func(seen lifecycle.Row) lifecycle.Update {
			change(&seen)
			return lifecycle.Resend(seen, later)
		}
	}
	resent := func(r *lifecycle.Row) { r.HintAt = ms(later); r.Hints++ }

	watchAs := func(user, c string) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update { return lifecycle.Watch(user, c) }
	}
	watch := func(c string) func(lifecycle.Row) lifecycle.Update { return watchAs(user, c) }
	unwatch := func(c string) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update { return lifecycle.Unwatch(user, c) }
	}
	watched := func(by ...string) func(*lifecycle.Row) {
		return func(r *lifecycle.Row) { r.Watchers = by }
	}
	var full []string
	for n := range protocol.MaxWatchers {
		full = append(full, fmt.Sprint("c", n))
	}

	pending, running := b.row, b.running
	retrying := func(n int) lifecycle.Row {
		r := b.running(n)
		r.Status, r.LeaseUntil, r.NextAt = protocol.Retrying, 0, ms(later)
		r.Percentage, r.Message, r.Code, r.Error = 50, "half", "X", "why"
		return r
	}
	// parked is under an id that no hint can carry, for when it waits again, or is a hint.
	parkedAs := func(f func(int) lifecycle.Row) func(int) lifecycle.Row {
		return func(n int) lifecycle.Row {
			r := f(n)
			r.PK = b.waiting(n).PK()
			return r
		}
	}
	parked := parkedAs(running)
	// continued has run out of attempts: what goes on needs none.
	continued := func(n int) lifecycle.Row {
		r := parked(n)
		r.Status, r.LeaseUntil, r.Carrier, r.ContinuedAt, r.Continuations = protocol.Pending, 0, "", ms(now), 7
		r.Attempt, r.Percentage, r.Message, r.Seq, r.State = r.MaxAttempts, 50, "half", 3_000_002, "[7]"
		return r
	}
	// handed is in the hands of one that has its ticket.
	handed := func(n int) lifecycle.Row {
		r := parked(n)
		r.Fence, r.Handed, r.Carrier = 4, 3, ""
		r.Percentage, r.Message, r.Seq = 50, "half", 3_000_002
		return r
	}
	handOver := func(fence int64) func(lifecycle.Row) lifecycle.Update {
		return func(lifecycle.Row) lifecycle.Update {
			return lifecycle.HandOver(fence, lifecycle.State{Percentage: 12.5, Message: "half", Seq: 3_000_004}, later, lease)
		}
	}
	takeOver := func(change func(*lifecycle.Row)) func(lifecycle.Row) lifecycle.Update {
		return func(seen lifecycle.Row) lifecycle.Update {
			change(&seen)
			return lifecycle.TakeOver(lifecycle.Ticket{Fence: seen.Handed, CreatedAt: seen.CreatedAt}, seen.Fence, "owner-2", later, lease)
		}
	}
	takenOver := func(r *lifecycle.Row) {
		r.Owner, r.LeaseUntil = "owner-2", ms(later.Add(lease))
		r.Fence++
	}
	due := func(r *lifecycle.Row) { r.Notice = contract.NoticeDue }
	told := func(seen lifecycle.Row) lifecycle.Update { return lifecycle.Told(seen) }
	lapsed := func(n int) lifecycle.Row {
		r := b.running(n)
		r.LeaseUntil = ms(later) - 1
		r.Percentage, r.Message, r.Seq = 50, "half", 3_000_002
		return r
	}
	type from = func(int) lifecycle.Row
	with := func(f from, changes ...func(*lifecycle.Row)) from {
		return func(n int) lifecycle.Row {
			r := f(n)
			for _, change := range changes {
				change(&r)
			}
			return r
		}
	}
	exhausted := func(r *lifecycle.Row) { r.Attempt = r.MaxAttempts }
	overdue := func(r *lifecycle.Row) { r.DeadlineAt = ms(later) }
	flagged := func(r *lifecycle.Row) { r.CancelAt = ms(now) }
	saved := func(r *lifecycle.Row) { r.State, r.StateSeq = "1", 2_000_009 }
	otherFence := func(r *lifecycle.Row) { r.Fence++ }

	cases := []struct {
		name   string
		from   from
		update func(lifecycle.Row) lifecycle.Update
		want   func(*lifecycle.Row) // nil: refused
	}{
		{"claim pending", pending, claim, claimed},
		{"claim pending, last attempt", with(pending, func(r *lifecycle.Row) { r.Attempt = r.MaxAttempts - 1 }), claim, claimed},
		{"claim pending, exhausted", with(pending, exhausted), claim, nil},
		{"claim pending, overdue", with(pending, overdue), claim, nil},
		{"claim pending, due in 1 ms", with(pending, func(r *lifecycle.Row) { r.DeadlineAt = ms(later) + 1 }), claim, claimed},
		{"claim pending, cancelled", with(pending, flagged), claim, nil},
		{"claim retrying", retrying, claim, claimed},
		{"claim retrying, early", with(retrying, func(r *lifecycle.Row) { r.NextAt++ }), claim, nil},
		{"claim retrying, exhausted", with(retrying, exhausted), claim, nil},
		{"claim retrying, overdue", with(retrying, overdue), claim, nil},
		{"claim retrying, cancelled", with(retrying, flagged), claim, nil},
		{"claim lapsed", lapsed, claim, claimed},
		{"claim lapsed, exhausted", with(lapsed, exhausted), claim, nil},
		{"claim lapsed, overdue", with(lapsed, overdue), claim, nil},
		{"claim lapsed, cancelled", with(lapsed, flagged), claim, nil},
		{"claim running at the lease's last moment", with(lapsed, func(r *lifecycle.Row) { r.LeaseUntil++ }), claim, nil},
		{"claim running", running, claim, nil},
		{"claim terminal", b.terminal, claim, nil},

		{"claim continued", with(continued, func(r *lifecycle.Row) { r.Attempt = 1 }), claim, nil},

		{"resume", continued, resume, func(r *lifecycle.Row) {
			r.Status, r.Carrier, r.Owner, r.LeaseUntil, r.ContinuedAt = protocol.Processing, "message-2", "owner-2", ms(later.Add(lease)), 0
			r.Fence++
		}},
		{"resume, of an earlier time that it waited", continued, func(seen lifecycle.Row) lifecycle.Update {
			seen.Fence--
			return resume(seen)
		}, nil},
		{"resume, overdue", with(continued, overdue), resume, nil},
		{"resume, cancelled", with(continued, flagged), resume, nil},
		{"resume pending", pending, resume, nil},
		{"resume running", running, resume, nil},
		{"resume lapsed", lapsed, resume, nil},
		{"resume retrying", retrying, resume, nil},
		{"resume terminal", b.terminal, resume, nil},
		{"continue", with(parked, func(r *lifecycle.Row) { r.Hints, r.HintAt, r.State = 2, 7, "[7]" }), goOn(3), func(r *lifecycle.Row) {
			r.Status, r.LeaseUntil, r.Carrier, r.ContinuedAt, r.Continuations = protocol.Pending, 0, "", ms(later), 1
			r.Percentage, r.Message, r.Seq, r.Hints, r.HintAt = 12.5, "half", 3_000_004, 0, 0
		}},
		{"continue again", with(parked, func(r *lifecycle.Row) { r.Continuations = 7 }), goOn(3), func(r *lifecycle.Row) {
			r.Status, r.LeaseUntil, r.Carrier, r.ContinuedAt, r.Continuations = protocol.Pending, 0, "", ms(later), 8
			r.Percentage, r.Message, r.Seq = 12.5, "half", 3_000_004
		}},
		{"continue, cancelled", with(running, flagged), goOn(3), nil},
		{"continue, lost", with(running, otherFence), goOn(3), nil},
		{"continue continued", continued, goOn(3), nil},
		{"continue terminal", b.terminal, goOn(3), nil},
		{"save", running, save(inRow), func(r *lifecycle.Row) { r.State, r.StateSeq = `{"n":1.10}`, 3_000_002 }},
		{"save after another", with(running, saved), save(inRow),
			func(r *lifecycle.Row) { r.State, r.StateSeq = `{"n":1.10}`, 3_000_002 }},
		{"save repeated", with(running, func(r *lifecycle.Row) { r.State, r.StateSeq = `{"n":1.10}`, 3_000_002 }), save(inRow), func(*lifecycle.Row) {}},
		{"save that comes late", with(running, func(r *lifecycle.Row) { r.State, r.StateSeq = "1", 3_000_003 }), save(inRow), nil},
		{"save beside", with(running, func(r *lifecycle.Row) { r.State = "1" }), save(beside), func(r *lifecycle.Row) {
			r.State, r.StateAt, r.StateHash, r.StateSeq = "", lifecycle.PlaceItem, []byte{4, 5}, 3_000_002
		}},
		{"save in the row again", with(running, func(r *lifecycle.Row) { r.StateAt, r.StateHash = lifecycle.PlaceObject, []byte{9} }), save(inRow),
			func(r *lifecycle.Row) { r.State, r.StateAt, r.StateHash, r.StateSeq = `{"n":1.10}`, "", nil, 3_000_002 }},
		{"save, cancelled", with(running, flagged), save(inRow), func(r *lifecycle.Row) { r.State, r.StateSeq = `{"n":1.10}`, 3_000_002 }},
		{"save, lost", with(running, otherFence), save(inRow), nil},
		{"save before its claim", with(running, func(r *lifecycle.Row) { r.Fence-- }), save(inRow), nil},
		{"save after another, lost", with(running, saved, otherFence), save(inRow), nil},
		{"save after another, before its claim", with(running, saved, func(r *lifecycle.Row) { r.Fence-- }), save(inRow), nil},
		{"save after another, terminal", with(b.terminal, saved), save(inRow), nil},
		{"save continued", continued, save(inRow), nil},
		{"save terminal", b.terminal, save(inRow), nil},
		{"cancel continued", continued, cancel(asSeen), ended(protocol.Cancelled, "")},
		{"resend continued", continued, resend(asSeen), resent},
		{"retry keeps the state", with(running, func(r *lifecycle.Row) { r.State = "[7]" }), retry, func(r *lifecycle.Row) {
			r.Status, r.NextAt, r.LeaseUntil = protocol.Retrying, ms(later.Add(time.Minute)), 0
			r.Code, r.Error = "X", "why"
		}},
		{"claim keeps the state", with(lapsed, func(r *lifecycle.Row) { r.State = "[7]" }), claim, claimed},

		{"pulse", running, pulse(3), pulsed},
		{"pulse after the lease", lapsed, pulse(3), pulsed},
		{"pulse with cancel flag", with(running, flagged), pulse(3), pulsed},
		{"pulse drops the gone", with(running, func(r *lifecycle.Row) { r.Watchers = []string{"c0", "c1", "c2"} }), pulse(3, "c0", "c2", "c9"),
			func(r *lifecycle.Row) { pulsed(r); r.Watchers = []string{"c1"} }},
		{"pulse drops the last", running, pulse(3, "c0"), func(r *lifecycle.Row) { pulsed(r); r.Watchers = nil }},
		{"pulse drops from nobody", with(running, func(r *lifecycle.Row) { r.Watchers = nil }), pulse(3, "c0"), pulsed},
		{"pulse of an older claim", running, pulse(2), nil},
		{"pulse of a later claim", running, pulse(4), nil},
		{"pulse retrying", retrying, pulse(3), nil},
		{"pulse pending", with(pending, func(r *lifecycle.Row) { r.Fence = 3 }), pulse(3), nil},
		{"pulse terminal", b.terminal, pulse(3), nil},

		{"complete", running, complete, func(r *lifecycle.Row) {
			terminal(protocol.Completed, 3_000_009)(r)
			r.Percentage, r.Result, r.File = 100, `{"n":1.10}`, "k"
		}},
		{"complete with an object", with(running, flagged), completeAt, func(r *lifecycle.Row) {
			terminal(protocol.Completed, 3_000_009)(r)
			r.Percentage, r.ResultAt, r.ResultSize, r.ResultHash = 100, lifecycle.PlaceObject, 30_000, []byte{9}
		}},
		{"complete, lost", with(running, otherFence), complete, nil},
		{"complete retrying", retrying, complete, nil},
		{"complete terminal", b.terminal, complete, nil},
		{"fail", running, fail, func(r *lifecycle.Row) {
			terminal(protocol.Failed, 3_000_009)(r)
			r.Code, r.Error = "X", "why"
		}},
		{"fail, lost", with(running, otherFence), fail, nil},
		{"fail terminal", b.terminal, fail, nil},
		{"cancelled", running, cancelled, terminal(protocol.Cancelled, 3_000_009)},
		{"cancelled, lost", with(running, otherFence), cancelled, nil},
		{"cancelled terminal", b.terminal, cancelled, nil},
		{"retry", running, retry, func(r *lifecycle.Row) {
			r.Status, r.NextAt, r.LeaseUntil = protocol.Retrying, ms(later.Add(time.Minute)), 0
			r.Code, r.Error = "X", "why"
		}},
		{"retry, cancelled", with(running, flagged), retry, nil},
		{"retry, lost", with(running, otherFence), retry, nil},
		{"retry retrying", retrying, retry, nil},
		{"retry terminal", b.terminal, retry, nil},

		{"end pending", pending, end(lifecycle.ReasonCancelled, "", asSeen), ended(protocol.Cancelled, "")},
		{"end retrying", retrying, end(lifecycle.ReasonOverdue, "message-2", asSeen), func(r *lifecycle.Row) {
			ended(protocol.Failed, protocol.Deadline)(r)
			r.Carrier, r.Error = "message-2", "the request's deadline passed before it could end"
		}},
		{"end lapsed", lapsed, end(lifecycle.ReasonExhausted, message, asSeen), func(r *lifecycle.Row) {
			ended(protocol.Failed, protocol.AttemptsExhausted)(r)
			r.Error = "the last attempt ended without an outcome"
		}},
		{"end, claimed since", with(running, otherFence), end(lifecycle.ReasonExhausted, "", func(r *lifecycle.Row) { r.Fence-- }), nil},
		{"end, renewed since", running, end(lifecycle.ReasonExhausted, "", func(r *lifecycle.Row) { r.LeaseUntil-- }), nil},
		{"end, waits since", retrying, end(lifecycle.ReasonExhausted, "", func(r *lifecycle.Row) { r.Status, r.LeaseUntil = protocol.Processing, ms(now) }), nil},
		{"end, ended since", b.terminal, end(lifecycle.ReasonExhausted, "", func(r *lifecycle.Row) { r.Status, r.LeaseUntil = protocol.Processing, ms(now) }), nil},

		{"cancel pending", pending, cancel(asSeen), ended(protocol.Cancelled, "")},
		{"cancel retrying", retrying, cancel(asSeen), func(r *lifecycle.Row) { ended(protocol.Cancelled, "X")(r) }},
		{"cancel running", running, cancel(asSeen), func(r *lifecycle.Row) { r.CancelAt = ms(later) }},
		{"cancel running again", with(running, flagged), cancel(asSeen), asSeen},
		{"cancel running, claimed since", with(running, otherFence), cancel(func(r *lifecycle.Row) { r.Fence-- }), nil},
		{"cancel running, ended since", b.terminal, cancel(func(r *lifecycle.Row) { r.Status = protocol.Processing }), nil},
		{"cancel pending, claimed since", running, cancel(func(r *lifecycle.Row) { r.Status, r.Fence = protocol.Pending, 2 }), nil},

		{"hand over", with(parked, func(r *lifecycle.Row) { r.Hints, r.HintAt = 2, 7 }), handOver(3), func(r *lifecycle.Row) {
			pulsed(r)
			r.Fence, r.Handed, r.Carrier, r.Hints, r.HintAt = 4, 3, "", 0, 0
		}},
		{"hand over, cancelled", with(parked, flagged), handOver(3), func(r *lifecycle.Row) {
			pulsed(r)
			r.Fence, r.Handed, r.Carrier = 4, 3, ""
		}},
		{"hand over, lost", with(running, otherFence), handOver(3), nil},
		{"hand over, handed over", handed, handOver(3), nil},
		{"hand over retrying", retrying, handOver(3), nil},
		{"hand over terminal", b.terminal, handOver(3), nil},
		{"take over", handed, takeOver(asSeen), takenOver},
		{"take over from another", with(handed, otherFence), takeOver(asSeen), takenOver},
		{"take over, lapsed", with(handed, func(r *lifecycle.Row) { r.LeaseUntil = ms(now) }), takeOver(asSeen), takenOver},
		{"take over, cancelled", with(handed, flagged), takeOver(asSeen), takenOver},
		{"take over, taken since", handed, takeOver(func(r *lifecycle.Row) { r.Fence-- }), nil},
		{"take over before it was seen", handed, takeOver(otherFence), nil},
		{"take over, of a later attempt", handed, takeOver(func(r *lifecycle.Row) { r.Handed++ }), nil},
		{"take over, of an earlier attempt", handed, takeOver(func(r *lifecycle.Row) { r.Handed-- }), nil},
		{"take over what nobody handed over", running, takeOver(func(r *lifecycle.Row) { r.Handed = 3 }), nil},
		{"take over, of a later life", handed, takeOver(func(r *lifecycle.Row) { r.CreatedAt++ }), nil},
		{"take over, of an earlier life", handed, takeOver(func(r *lifecycle.Row) { r.CreatedAt-- }), nil},
		{"take over retrying", with(retrying, func(r *lifecycle.Row) { r.Handed = 3 }), takeOver(asSeen), nil},
		{"take over continued", with(continued, func(r *lifecycle.Row) { r.Handed = 3 }), takeOver(asSeen), nil},
		{"take over terminal", with(b.terminal, func(r *lifecycle.Row) { r.Handed = 3 }), takeOver(asSeen), nil},
		{"pulse handed over", handed, pulse(4), pulsed},
		{"pulse of who handed it over", handed, pulse(3), nil},
		{"claim lapsed, handed over", with(lapsed, func(r *lifecycle.Row) { r.Handed = 2 }), claim, func(r *lifecycle.Row) { claimed(r); r.Handed = 0 }},
		{"claim retrying, by its notice", with(parkedAs(retrying), due), claim, func(r *lifecycle.Row) { claimed(r); r.Notice = "" }},
		{"resume, handed over", with(continued, func(r *lifecycle.Row) { r.Handed = 2 }), resume, func(r *lifecycle.Row) {
			r.Status, r.Carrier, r.Owner, r.LeaseUntil, r.ContinuedAt, r.Handed = protocol.Processing, "message-2", "owner-2", ms(later.Add(lease)), 0, 0
			r.Fence++
		}},
		{"cancelled by notice", handed, func(lifecycle.Row) lifecycle.Update {
			return lifecycle.Notify(lifecycle.Cancelled(4, 4_000_009, later))
		}, func(r *lifecycle.Row) { terminal(protocol.Cancelled, 4_000_009)(r); due(r) }},
		{"told", with(parkedAs(b.terminal), due), told, func(r *lifecycle.Row) { r.Notice = contract.NoticeGiven }},
		{"told one that lives again", running, func(lifecycle.Row) lifecycle.Update { return lifecycle.Told(b.terminal(0)) }, nil},
		{"told of another life", b.terminal, func(r lifecycle.Row) lifecycle.Update { r.Fence++; return lifecycle.Told(r) }, nil},
		{"told before", b.terminal, func(r lifecycle.Row) lifecycle.Update { r.Fence--; return lifecycle.Told(r) }, nil},

		{"repost", b.terminal, repost, func(r *lifecycle.Row) { r.Reposts = 1 }},
		{"repost again", with(b.terminal, func(r *lifecycle.Row) { r.Reposts = 4 }), repost, func(r *lifecycle.Row) { r.Reposts = 5 }},
		{"repost to one that lives again", running, func(lifecycle.Row) lifecycle.Update { return lifecycle.Repost(b.terminal(0)) }, nil},
		{"repost of another life", b.terminal, func(r lifecycle.Row) lifecycle.Update { r.Fence++; return lifecycle.Repost(r) }, nil},

		{"resend pending", pending, resend(asSeen), resent},
		{"resend again", with(retrying, func(r *lifecycle.Row) { r.Hints, r.HintAt = 2, 7 }), resend(asSeen), resent},
		{"resend, sent since", with(running, func(r *lifecycle.Row) { r.Hints = 1 }), resend(func(r *lifecycle.Row) { r.Hints = 0 }), nil},
		{"resend, sent since, again", with(running, func(r *lifecycle.Row) { r.Hints = 2 }), resend(func(r *lifecycle.Row) { r.Hints = 1 }), nil},
		{"resend, renewed since", running, resend(func(r *lifecycle.Row) { r.LeaseUntil-- }), nil},
		{"resend, ended since", b.terminal, resend(func(r *lifecycle.Row) { r.Status, r.LeaseUntil = protocol.Processing, ms(now) }), nil},

		{"watch", running, watch("c1"), watched("c0", "c1")},
		{"watch again", running, watch("c0"), asSeen},
		{"watch what nobody watches", with(b.terminal, watched()), watch("c1"), watched("c1")},
		{"watch, the last place", with(running, watched(full[1:]...)), watch(full[0]), watched(full...)},
		{"watch, no place", with(running, watched(full...)), watch("one more"), nil},
		{"watch again, no place", with(running, watched(full...)), watch(full[3]), asSeen},
		{"unwatch", with(running, watched("c0", "c1")), unwatch("c0"), watched("c1")},
		{"unwatch, the last", running, unwatch("c0"), watched()},
		{"unwatch what one does not watch", running, unwatch("c9"), asSeen},
		{"unwatch by another user", running, func(lifecycle.Row) lifecycle.Update { return lifecycle.Unwatch("bob", "c0") }, nil},
		{"watch by another user", running, watchAs("bob", "c1"), nil},
		{"watch by another user, again", running, watchAs("bob", "c0"), nil},
		{"watch by another user what nobody watches", with(running, watched()), watchAs("bob", "c1"), nil},
	}
	all := make([]Transition, len(cases))
	for i, c := range cases {
		row := c.from(i)
		all[i] = Transition{Name: c.name, Row: row, Update: c.update(row)}
		if c.want != nil {
			want := row
			want.Watchers = slices.Clone(row.Watchers)
			c.want(&want)
			all[i].Want = &want
		}
	}
	return all
}
