package lifecycle

import (
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// Verdict says what to do with a queue message whose claim did not hold.
type Verdict int

// The verdicts.
const (
	// Drop: the message is of no more use; delete it.
	Drop Verdict = iota
	// Wait: the message is the request's carrier and it is too early; make it invisible
	// until then.
	Wait
	// Tell: the request is terminal and its carrier is still here, so perhaps not
	// everyone was told: post the terminal frame again, then delete it.
	Tell
	// Own: the claim did hold, only its answer was lost: go on with the row.
	Own
	// Finish: nobody may work on the request any more: End it, tell, and delete.
	Finish
)

// Reason says why a request is ended by others than its owner.
type Reason int

// The reasons.
const (
	ReasonNone Reason = iota
	ReasonCancelled
	ReasonOverdue
	ReasonExhausted
)

// leaseMargin is how long after the end of a lease its carrier comes back.
const leaseMargin = 5 * time.Second

// Settle decides what becomes of a message whose claim did not hold, from the row as it
// stood then. until is set for Wait, reason for Finish. An exists of false means that
// there is no such row.
func Settle(row Row, exists bool, message, owner string, now time.Time) (v Verdict, until time.Time, reason Reason) {
	if !exists || row.Expired(now) {
		return Drop, time.Time{}, ReasonNone
	}
	carrier := row.Carrier == message
	// A request that was cancelled before its first claim, or handed over, has no carrier,
	// and one whose end is a hint has another: whichever message comes does its duty.
	anyone := row.Carrier == "" || row.Notice == contract.NoticeDue
	if row.Status.Terminal() {
		if (carrier || anyone) && row.Notice != contract.NoticeGiven && row.Reposts < maxReposts {
			return Tell, time.Time{}, ReasonNone
		}
		return Drop, time.Time{}, ReasonNone
	}
	if row.Status == protocol.Processing && row.LeaseUntil >= millis(now) {
		switch {
		case row.Owner == owner:
			return Own, time.Time{}, ReasonNone
		case !carrier:
			return Drop, time.Time{}, ReasonNone
		}
		return Wait, time.UnixMilli(row.LeaseUntil).Add(leaseMargin), ReasonNone
	}
	switch {
	case row.CancelAt != 0:
		return Finish, time.Time{}, ReasonCancelled
	case row.DeadlineAt <= millis(now):
		return Finish, time.Time{}, ReasonOverdue
	case row.Attempt >= row.MaxAttempts && !row.Continued():
		return Finish, time.Time{}, ReasonExhausted
	case row.Status == protocol.Retrying && row.NextAt > millis(now) && (carrier || anyone):
		return Wait, time.UnixMilli(row.NextAt), ReasonNone
	}
	// Another message's back-off; or the row moved between the claim and this look, and
	// then it has a hint of its own.
	return Drop, time.Time{}, ReasonNone
}

// Worth says what a ticket is good for.
type Worth int

// The worth of a ticket.
const (
	// Void: the attempt that it names is over, or another's.
	Void Worth = iota
	// Early: the handler that made it has not returned yet. Look again.
	Early
	// Good: TakeOver may hold.
	Good
)

// Worth decides what a ticket is good for, from the row as it stands.
func (t Ticket) Worth(row Row, exists bool) Worth {
	switch {
	case !exists || row.Status != protocol.Processing || row.CreatedAt != t.CreatedAt:
		return Void
	case row.Handed == t.Fence:
		return Good
	case row.Fence == t.Fence:
		return Early
	}
	return Void
}

// Times after which the reconciler takes a hint for lost, and between two that it sends.
const (
	hintLost    = 2 * time.Minute
	hintAgain   = 5 * time.Minute
	hintAgainAt = 6 * time.Hour // at most
)

// Stale reports whether an open request's hint must be taken for lost, and since when
// the request waits for one.
func Stale(row Row, now time.Time) (since time.Time, stale bool) {
	var due int64
	switch row.Status {
	case protocol.Pending:
		due = max(row.CreatedAt, row.ContinuedAt)
	case protocol.Retrying:
		due = row.NextAt
	case protocol.Processing:
		due = row.LeaseUntil
	default:
		return time.Time{}, false
	}
	since = time.UnixMilli(due)
	if now.Sub(since) < hintLost {
		return since, false
	}
	if row.Hints == 0 {
		return since, true
	}
	pause := hintAgain << min(row.Hints-1, 7) // 2^7 times 5 minutes is over the most
	return since, now.Sub(time.UnixMilli(row.HintAt)) >= min(pause, hintAgainAt)
}
