package progress

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// maxMarks is how many frames of an attempt are certain to go out, the first report
// included, the terminal frame not.
const maxMarks = 100

// leastPercentage is the least above 0 that a table takes (Amazon DynamoDB developer guide,
// "Supported data types and naming rules in Amazon DynamoDB", Number).
const leastPercentage = 1e-130

// A claim whose frames have used half of its numbers, as that of a process which was handed an
// attempt does after a day and a half of reports without end, makes the others last until any
// deadline: its newest-wins frames are sparingInterval apart then.
const (
	sparingAfter    = lifecycle.SeqSpan / 2
	sparingInterval = protocol.MaxDeadline / (lifecycle.SeqSpan / 4)
)

// A throttled lane pauses for backoffFirst, then twice as long, up to backoffMost.
const (
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 2 * time.Second
)

// Clocks are the times of an attempt.
type Clocks struct {
	// Lease is how long a claim or a pulse keeps the request for its owner.
	Lease time.Duration
	// Pulse is the time between two pulses while something changed, PulseIdle while
	// nothing did.
	Pulse     time.Duration
	PulseIdle time.Duration
	// Interval is the least time between two newest-wins frames.
	Interval time.Duration
}

// Tracker holds what an attempt has reported and what each watcher was sent. It is not
// safe for concurrent use.
type Tracker struct {
	clocks  Clocks
	id, ref string
	fence   int64
	attempt int

	n          int // frames numbered so far
	percentage float64
	message    string
	dirty      bool // the newest report has no frame yet
	changed    bool // it is not in the row yet
	closed     bool // nothing is reported any more

	framed    int64 // the number of the last progress frame
	newest    protocol.Frame
	newestSeq int64
	certain   []numbered
	marks     int
	framedAt  time.Time
	lanes     []*lane

	tally Tally

	gone     []string // watchers to drop at the next pulse
	pulsedAt time.Time
	leaseEnd time.Time // no post after it; zero once the request is terminal
}

// Tally counts what became of the reports of a run.
type Tally struct {
	Reported int       // reports that were taken
	Framed   int       // those that got a frame; a newer one took the place of the others
	Posted   int       // progress frames that were taken, each watcher's by itself
	First    time.Time // when the first of them was; zero if none was
	Gone     int       // watchers that a post found gone
	Untaken  int       // posts that were throttled, refused or failed, of any frame
}

// Coalesced are the reports that a newer one took the place of.
func (t Tally) Coalesced() int { return t.Reported - t.Framed }

type numbered struct {
	seq   int64
	frame protocol.Frame
}

type lane struct {
	connection string
	seq        int64 // the last that it took
	next       int   // index into certain
	tries      int
	until      time.Time // backing off
	busy       bool      // a post is under way
}

// NewTracker begins a run that was claimed at now. One that goes on with an attempt
// begins where the row says that it was.
func NewTracker(row lifecycle.Row, clocks Clocks, now time.Time) *Tracker {
	t := &Tracker{
		clocks: clocks, id: row.Key().ID, ref: row.Ref, fence: row.Fence, attempt: row.Attempt,
		percentage: row.Percentage, message: row.Message,
		framed: lifecycle.Seq(row.Fence, 0), pulsedAt: now, leaseEnd: now.Add(clocks.Lease),
	}
	t.watch(row.Watchers)
	return t
}

// Report takes the newest state of the work; see streamer.Reporter.
func (t *Tracker) Report(percentage float64, message string, now time.Time) {
	if !t.take(percentage, message) {
		return
	}
	if t.marks == 0 {
		t.mark(now)
		return
	}
	t.dirty = true
}

// Step is Report for what is certain to go out.
func (t *Tracker) Step(percentage float64, message string, now time.Time) {
	if !t.take(percentage, message) {
		return
	}
	if t.marks >= maxMarks {
		t.dirty = true
		return
	}
	t.mark(now)
}

func (t *Tracker) take(percentage float64, message string) bool {
	if t.closed || math.IsNaN(percentage) || math.IsInf(percentage, 0) {
		return false
	}
	if percentage < leastPercentage {
		percentage = 0
	}
	t.tally.Reported++
	t.percentage = max(t.percentage, min(percentage, 100))
	t.message = Cut(message, protocol.MaxProgressMessage)
	t.changed = true
	return true
}

func (t *Tracker) mark(now time.Time) {
	t.marks++
	seq := t.number()
	t.framed = seq
	t.certain = append(t.certain, numbered{seq, t.frame(seq, now)})
	t.dirty, t.framedAt = false, now
	t.newest = nil // a mark is newer
}

func (t *Tracker) number() int64 {
	t.n++
	return lifecycle.Seq(t.fence, t.n)
}

func (t *Tracker) frame(seq int64, now time.Time) protocol.Frame {
	t.tally.Framed++
	return protocol.Progress{
		Event:      protocol.Event{RequestID: t.id, Ref: t.ref, Seq: seq, TS: now.UnixMilli()},
		Percentage: t.percentage, Message: t.message, Attempt: t.attempt,
	}
}

// Post is one frame for one watcher.
type Post struct {
	Connection string
	Frame      protocol.Frame
	lane       *lane
	seq        int64
	certain    bool
}

// Next returns what to post now, if anything. Posted must follow; the same watcher has no
// other post before that.
func (t *Tracker) Next(now time.Time) (Post, bool) {
	if t.lapsed(now) {
		return Post{}, false
	}
	if t.dirty && !now.Before(t.framedAt.Add(t.interval())) {
		t.numberNewest(now)
	}
	for i, l := range t.lanes {
		if l.busy || now.Before(l.until) {
			continue
		}
		if p, ok := t.pending(l); ok {
			l.busy = true
			t.lanes = append(append(t.lanes[:i:i], t.lanes[i+1:]...), l) // the others first next time
			return p, true
		}
	}
	return Post{}, false
}

// lapsed reports whether someone else may hold the request by now.
func (t *Tracker) lapsed(now time.Time) bool {
	return !t.leaseEnd.IsZero() && !now.Before(t.leaseEnd)
}

// interval is the least time between two newest-wins frames.
func (t *Tracker) interval() time.Duration {
	if t.n < sparingAfter {
		return t.clocks.Interval
	}
	return max(t.clocks.Interval, sparingInterval)
}

func (t *Tracker) numberNewest(now time.Time) {
	t.newestSeq = t.number()
	t.framed = t.newestSeq
	t.newest = t.frame(t.newestSeq, now)
	t.dirty, t.framedAt = false, now
}

// pending is the frame that a lane is due next: what is certain and older than the
// newest report first, then that one.
func (t *Tracker) pending(l *lane) (Post, bool) {
	newest := t.newest != nil && t.newestSeq > l.seq
	if l.next < len(t.certain) {
		c := t.certain[l.next]
		if !newest || c.seq < t.newestSeq {
			return Post{l.connection, c.frame, l, c.seq, true}, true
		}
	}
	if newest {
		return Post{l.connection, t.newest, l, t.newestSeq, false}, true
	}
	return Post{}, false
}

// Posted says what became of a post.
func (t *Tracker) Posted(p Post, err error, now time.Time) {
	p.lane.busy = false
	at := slices.Index(t.lanes, p.lane)
	if at < 0 {
		return // it stopped watching meanwhile; if it came back, it has another lane
	}
	l := p.lane
	if err != nil && !errors.Is(err, streamer.ErrGone) {
		t.tally.Untaken++
	}
	switch {
	case errors.Is(err, streamer.ErrGone):
		t.tally.Gone++
		t.lanes = slices.Delete(t.lanes, at, at+1)
		t.gone = append(t.gone, p.Connection)
	case err == nil, errors.Is(err, streamer.ErrTooLarge), errors.Is(err, streamer.ErrDenied):
		// Refused for good counts as sent: the same frame would be refused again.
		l.tries, l.until = 0, time.Time{}
		l.seq = p.seq
		if p.certain {
			l.next++
		}
		if p.Frame.Type() == protocol.TypeProgress && err == nil {
			t.count(now)
		}
	default:
		l.until = now.Add(min(backoffFirst<<min(l.tries, 10), backoffMost))
		l.tries++
	}
}

func (t *Tracker) count(now time.Time) {
	if t.tally.Posted++; t.tally.Posted == 1 {
		t.tally.First = now
	}
}

// Tally is what became of the reports so far.
func (t *Tracker) Tally() Tally { return t.tally }

// Told reports whether every watcher got all that is certain to go out.
func (t *Tracker) Told() bool {
	return !slices.ContainsFunc(t.lanes, func(l *lane) bool { return l.next < len(t.certain) })
}

// Busy reports whether a post is under way to somebody who watches.
func (t *Tracker) Busy() bool {
	return slices.ContainsFunc(t.lanes, func(l *lane) bool { return l.busy })
}

// Wake is when Next may have something again, if nothing is reported or
// posted before. It reports false if that is never.
func (t *Tracker) Wake(now time.Time) (time.Time, bool) {
	var wake time.Time
	waits := false
	if t.lapsed(now) {
		return wake, waits
	}
	sooner := func(at time.Time) {
		if !waits || at.Before(wake) {
			wake, waits = at, true
		}
	}
	if t.dirty {
		sooner(t.framedAt.Add(t.interval()))
	}
	for _, l := range t.lanes {
		if _, ok := t.pending(l); ok && !l.busy {
			sooner(l.until)
		}
	}
	return wake, waits
}

// NextPulse is when the next pulse is due.
func (t *Tracker) NextPulse() time.Time {
	if t.changed {
		return t.pulsedAt.Add(t.clocks.Pulse)
	}
	return t.pulsedAt.Add(t.clocks.PulseIdle)
}

// Lose ends all posts: someone else has the request.
func (t *Tracker) Lose(now time.Time) { t.leaseEnd = now }

// LeaseEnd is when the request may be given to someone else.
func (t *Tracker) LeaseEnd() time.Time { return t.leaseEnd }

// Pulse is the update that is due: what is stored, and who is to be dropped. Pulsed or
// PulseFailed must follow. The stored number is that of the last progress frame: the one
// that Close took belongs to the frame that ends the attempt, and whoever reads it as
// the state's would drop that frame.
func (t *Tracker) Pulse(now time.Time) lifecycle.Update {
	t.changed = false
	t.pulsedAt = now
	return lifecycle.Pulse(t.fence, t.State(), now, t.clocks.Lease, slices.Clone(t.gone))
}

// Pulsed takes the row that a pulse of that moment returned.
func (t *Tracker) Pulsed(row lifecycle.Row, at time.Time) {
	t.leaseEnd = at.Add(t.clocks.Lease)
	t.gone = slices.DeleteFunc(t.gone, func(c string) bool { return !slices.Contains(row.Watchers, c) })
	t.watch(row.Watchers)
}

// PulseFailed says that the table did not answer: the next pulse comes soon.
func (t *Tracker) PulseFailed() { t.changed = true }

// watch makes the lanes those of the given connections. A new one begins with the newest
// frame, mark or not, since what it was told on joining may be a pulse old.
func (t *Tracker) watch(connections []string) {
	t.lanes = slices.DeleteFunc(t.lanes, func(l *lane) bool { return !slices.Contains(connections, l.connection) })
	for _, c := range connections {
		known := slices.ContainsFunc(t.lanes, func(l *lane) bool { return l.connection == c })
		if !known && !slices.Contains(t.gone, c) {
			next := len(t.certain)
			if t.newest == nil && next > 0 {
				next--
			}
			t.lanes = append(t.lanes, &lane{connection: c, next: next})
		}
	}
}

// Close frames the last report and returns the number of the frame that ends the
// attempt. Nothing that is reported afterwards counts, until Reopen.
func (t *Tracker) Close(now time.Time) (seq int64) {
	if t.dirty {
		t.numberNewest(now)
	}
	t.closed = true
	return t.number()
}

// Reopen takes reports again: the attempt could not be ended.
func (t *Tracker) Reopen() { t.closed = false }

// End adds the frame that ends the attempt, under the number that Close gave, for
// everyone who watches by now. The row has been written, so the lease is of no more use.
func (t *Tracker) End(f protocol.Frame, seq int64, watchers []string) {
	t.leaseEnd = time.Time{}
	t.watch(watchers)
	t.certain = append(t.certain, numbered{seq, f})
}

// Leave makes everyone who watches by now hear what is certain to go out. The attempt
// goes on elsewhere: the row has been written, so the lease is of no more use.
func (t *Tracker) Leave(watchers []string) {
	t.leaseEnd = time.Time{}
	t.watch(watchers)
}

// State is how far the attempt is, with the number of the last progress frame.
func (t *Tracker) State() lifecycle.State {
	return lifecycle.State{Percentage: t.percentage, Message: t.message, Seq: t.framed}
}

// Cut keeps what fits of a message in so many bytes, in whole characters.
func Cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end]
}
