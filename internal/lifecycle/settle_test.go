package lifecycle_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

var now = time.UnixMilli(1_767_225_600_123)

func ms(t time.Time) int64 { return t.UnixMilli() }

// situation is all that Settle may look at.
type situation struct {
	status                        protocol.Status
	carrier, own                  bool
	live                          bool // the lease
	early                         bool // the back-off
	cancelled, overdue, exhausted bool
	continued                     bool // while PENDING
	bare                          bool // of a carrier
	due, given                    bool // notice
}

func (s situation) row() lifecycle.Row {
	r := lifecycle.Row{
		PK: "T#a#R#0", Status: s.status, Fence: 3, Attempt: 1, MaxAttempts: 2, DeadlineAt: ms(now) + 1,
		Carrier: "other", Owner: "other",
	}
	if s.carrier {
		r.Carrier = "mine"
	}
	if s.bare {
		r.Carrier = ""
	}
	if s.own {
		r.Owner = "me"
	}
	switch {
	case s.given:
		r.Notice = contract.NoticeGiven
	case s.due:
		r.Notice = contract.NoticeDue
	}
	switch s.status {
	case protocol.Pending:
		if s.continued {
			r.ContinuedAt = 1
		}
	case protocol.Processing:
		r.LeaseUntil = ms(now) - 1
		if s.live {
			r.LeaseUntil = ms(now)
		}
	case protocol.Retrying:
		r.NextAt = ms(now)
		if s.early {
			r.NextAt = ms(now) + 1
		}
	}
	if s.cancelled {
		r.CancelAt = 1
	}
	if s.overdue {
		r.DeadlineAt = ms(now)
	}
	if s.exhausted {
		r.Attempt = 2
	}
	return r
}

func (s situation) claimable() bool {
	waits := s.status == protocol.Pending && !s.continued || s.status == protocol.Retrying && !s.early || s.status == protocol.Processing && !s.live
	return waits && !s.cancelled && !s.overdue && !s.exhausted
}

func (s situation) resumable() bool {
	return s.status == protocol.Pending && s.continued && !s.cancelled && !s.overdue
}

// want is the rule in other words: the first line that fits.
func (s situation) want() (v lifecycle.Verdict, until time.Time, reason lifecycle.Reason) {
	carrier := s.carrier && !s.bare
	anyone := carrier || s.bare || s.due && !s.given
	switch running := s.status == protocol.Processing && s.live; {
	case s.status.Terminal() && anyone && !s.given:
		return lifecycle.Tell, until, reason
	case s.status.Terminal():
		return lifecycle.Drop, until, reason
	case running && s.own:
		return lifecycle.Own, until, reason
	case running && carrier:
		return lifecycle.Wait, now.Add(5 * time.Second), reason
	case running:
		return lifecycle.Drop, until, reason
	case s.cancelled:
		return lifecycle.Finish, until, lifecycle.ReasonCancelled
	case s.overdue:
		return lifecycle.Finish, until, lifecycle.ReasonOverdue
	case s.exhausted:
		return lifecycle.Finish, until, lifecycle.ReasonExhausted
	case s.status == protocol.Retrying && anyone: // it can only be early
		return lifecycle.Wait, now.Add(time.Millisecond), reason
	}
	return lifecycle.Drop, until, reason
}

func TestSettle(t *testing.T) {
	bools := []bool{false, true}
	seen := map[lifecycle.Verdict]int{}
	for _, status := range statuses {
		for n := range 1 << 11 {
			bit := func(i int) bool { return bools[n>>i&1] }
			s := situation{status, bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), bit(7), bit(8), bit(9), bit(10)}
			row := s.row()
			f := asFields(row)
			claim := lifecycle.Claim("mine", "me", now, time.Second)
			if f.holds(claim.When) != s.claimable() {
				t.Fatalf("claim in %+v holds: %v", s, !s.claimable())
			}
			if resume := lifecycle.Resume(row.Fence, "mine", "me", now, time.Second); f.holds(resume.When) != s.resumable() {
				t.Fatalf("resume in %+v holds: %v", s, !s.resumable())
			}
			if s.claimable() || s.resumable() {
				continue
			}
			v, until, reason := lifecycle.Settle(row, true, "mine", "me", now)
			wantV, wantUntil, wantReason := s.want()
			if v != wantV || !until.Equal(wantUntil) || reason != wantReason {
				t.Errorf("%+v: got %v, %v, %v, want %v, %v, %v", s, v, until, reason, wantV, wantUntil, wantReason)
			}
			seen[v]++
			if v != lifecycle.Finish {
				continue
			}
			end := lifecycle.End(row, reason, "mine", now)
			if !f.holds(end.When) {
				t.Errorf("%+v: the end that was settled on does not hold", s)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("not every verdict was seen: %v", seen)
	}
}

func TestSettleTerminal(t *testing.T) {
	for _, status := range statuses {
		if !status.Terminal() {
			continue
		}
		row := lifecycle.Row{Status: status, Carrier: "mine", TTL: now.Unix() + 1}
		for reposts, want := range []lifecycle.Verdict{lifecycle.Tell, lifecycle.Tell, lifecycle.Tell, lifecycle.Tell, lifecycle.Tell, lifecycle.Drop, lifecycle.Drop} {
			row.Reposts = reposts
			if v, _, _ := lifecycle.Settle(row, true, "mine", "me", now); v != want {
				t.Errorf("%s, posted again %d times: got %v, want %v", status, reposts, v, want)
			}
		}
		row.Reposts = 0
		row.Carrier = "" // cancelled before its first claim
		if v, _, _ := lifecycle.Settle(row, true, "mine", "me", now); v != lifecycle.Tell {
			t.Errorf("%s without a carrier: got %v", status, v)
		}
		row.Carrier, row.TTL = "mine", now.Unix()
		if v, _, _ := lifecycle.Settle(row, true, "mine", "me", now); v != lifecycle.Drop {
			t.Errorf("%s and expired: got %v", status, v)
		}
	}
	if v, _, _ := lifecycle.Settle(lifecycle.Row{}, false, "", "", now); v != lifecycle.Drop {
		t.Errorf("no row: got %v", v)
	}
}

func TestCancel(t *testing.T) {
	for _, status := range statuses {
		u, ok := lifecycle.Cancel(lifecycle.Row{Status: status}, now)
		want := map[protocol.Status]string{protocol.Pending: "end", protocol.Retrying: "end", protocol.Processing: "ask to cancel"}[status]
		if u.Name != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", status, u.Name, ok)
		}
	}
}

func TestWorth(t *testing.T) {
	good := lifecycle.Row{Status: protocol.Processing, Fence: 7, Handed: 5, CreatedAt: 1_000}
	tick := lifecycle.Ticket{Fence: 5, CreatedAt: 1_000}
	for name, c := range map[string]struct {
		change func(*lifecycle.Row)
		want   lifecycle.Worth
	}{
		"handed over":                 {func(*lifecycle.Row) {}, lifecycle.Good},
		"its handler runs":            {func(r *lifecycle.Row) { r.Fence, r.Handed = 5, 0 }, lifecycle.Early},
		"of an earlier attempt":       {func(r *lifecycle.Row) { r.Handed = 6 }, lifecycle.Void},
		"another handler runs":        {func(r *lifecycle.Row) { r.Handed = 0 }, lifecycle.Void},
		"of a later attempt":          {func(r *lifecycle.Row) { r.Fence, r.Handed = 4, 0 }, lifecycle.Void},
		"waits to go on":              {func(r *lifecycle.Row) { r.Status = protocol.Pending }, lifecycle.Void},
		"waits for another attempt":   {func(r *lifecycle.Row) { r.Status = protocol.Retrying }, lifecycle.Void},
		"over":                        {func(r *lifecycle.Row) { r.Status = protocol.Completed }, lifecycle.Void},
		"another request's of its id": {func(r *lifecycle.Row) { r.CreatedAt++ }, lifecycle.Void},
	} {
		row := good
		c.change(&row)
		if got := tick.Worth(row, true); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		f := asFields(row)
		if holds := f.holds(lifecycle.TakeOver(tick, row.Fence, "o", now, time.Second).When); holds != (c.want == lifecycle.Good) {
			t.Errorf("%s: it can be taken over: %v", name, holds)
		}
	}
	if got := tick.Worth(lifecycle.Row{}, false); got != lifecycle.Void {
		t.Errorf("no row: got %v", got)
	}
}

func TestStale(t *testing.T) {
	old := func(d time.Duration) int64 { return ms(now.Add(-d)) }
	const minute = time.Minute
	for i, c := range []struct {
		row   lifecycle.Row
		since time.Duration
		stale bool
	}{
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(2*minute - 1*time.Millisecond)}, 2*minute - time.Millisecond, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(2 * minute)}, 2 * minute, true},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), Hints: 1, HintAt: old(5*minute - time.Millisecond)}, time.Hour, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), Hints: 1, HintAt: old(5 * minute)}, time.Hour, true},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), Hints: 2, HintAt: old(9 * minute)}, time.Hour, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), Hints: 2, HintAt: old(10 * minute)}, time.Hour, true},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(99 * time.Hour), Hints: 7, HintAt: old(319 * minute)}, 99 * time.Hour, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(99 * time.Hour), Hints: 7, HintAt: old(320 * minute)}, 99 * time.Hour, true},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(99 * time.Hour), Hints: 8, HintAt: old(6*time.Hour - time.Millisecond)}, 99 * time.Hour, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(99 * time.Hour), Hints: 1 << 40, HintAt: old(6 * time.Hour)}, 99 * time.Hour, true},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), ContinuedAt: old(minute)}, minute, false},
		{lifecycle.Row{Status: protocol.Pending, CreatedAt: old(time.Hour), ContinuedAt: old(2 * minute), Continuations: 3}, 2 * minute, true},
		{lifecycle.Row{Status: protocol.Retrying, CreatedAt: old(time.Hour), NextAt: old(minute)}, minute, false},
		{lifecycle.Row{Status: protocol.Retrying, CreatedAt: old(time.Hour), NextAt: old(-minute)}, -minute, false},
		{lifecycle.Row{Status: protocol.Retrying, NextAt: old(3 * minute)}, 3 * minute, true},
		{lifecycle.Row{Status: protocol.Processing, CreatedAt: old(time.Hour), LeaseUntil: old(-30 * time.Second)}, -30 * time.Second, false},
		{lifecycle.Row{Status: protocol.Processing, LeaseUntil: old(2 * minute)}, 2 * minute, true},
	} {
		since, stale := lifecycle.Stale(c.row, now)
		if stale != c.stale || !since.Equal(now.Add(-c.since)) {
			t.Errorf("%d: got %s ago, %v, want %s ago, %v", i, now.Sub(since), stale, c.since, c.stale)
		}
	}
	for _, status := range []protocol.Status{protocol.Completed, protocol.Failed, protocol.Cancelled} {
		if _, stale := lifecycle.Stale(lifecycle.Row{Status: status}, now); stale {
			t.Errorf("%s is stale", status)
		}
	}
}

var statuses = []protocol.Status{
	protocol.Pending, protocol.Processing, protocol.Retrying, protocol.Completed, protocol.Failed, protocol.Cancelled,
}

func Example() {
	row := lifecycle.Accept(lifecycle.Submission{
		Key: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}, Deadline: time.Hour, MaxAttempts: 3,
	}, now)
	claim := lifecycle.Claim("message", "worker", now, 30*time.Second)
	fmt.Println(row.PK, row.Status, row.TenantDay)
	fmt.Println(claim.Set["status"], claim.Add)
	// Output:
	// T#acme#R#01JGH00000000000000000000A PENDING T#acme#D#2026-01-01
	// PROCESSING map[attempt:1 fence:1]
}
