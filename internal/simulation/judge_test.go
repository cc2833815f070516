package simulation

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// judge holds a world to what is promised. No two requests of a world have one id,
// whosever they are, so that a request's id is enough here.
type judge struct {
	w      *world
	calmAt time.Time

	rows      map[string]lifecycle.Row // by partition key, as the last write left them
	pks       map[string]string        // partition keys by id
	holders   map[string]holder        // who made the last claim
	claims    map[string]int
	creations int
	again     int                      // how many of these over one that had expired
	former    map[string]lifecycle.Row // what these were put over, by id
	ends      int
	claimed   int

	frames    map[string]map[int64]string // what each number of a request stands for
	keys      map[string]string           // id by idempotency key
	wants     map[string]*want            // by id
	cancelled map[string]bool
	states    map[string]int       // how far a request's handlers know that it was saved, by id
	starts    map[*process]int     // how far that was when a process claimed
	charges   map[string]string    // by id
	spent     map[string]string    // those of what had an id before
	forsaken  map[string]time.Time // when the world itself lost a hint of it
}

type holder struct {
	p     *process
	fence int64
}

func (h holder) name() string {
	if h.p == nil {
		return "nobody"
	}
	return h.p.name
}

func newJudge(w *world) *judge {
	return &judge{
		w: w, rows: map[string]lifecycle.Row{}, pks: map[string]string{}, former: map[string]lifecycle.Row{}, holders: map[string]holder{}, claims: map[string]int{},
		frames: map[string]map[int64]string{}, keys: map[string]string{}, wants: map[string]*want{},
		states: map[string]int{}, starts: map[*process]int{}, charges: map[string]string{}, spent: map[string]string{},
		cancelled: map[string]bool{}, forsaken: map[string]time.Time{},
	}
}

// forsake remembers that the world lost a hint: a terminal frame that only this hint
// could still have brought comes with the next subscribe instead.
func (j *judge) forsake(pk string) { j.forsaken[pk] = j.w.now() }

func (j *judge) row(id string) (lifecycle.Row, bool) {
	row, ok := j.rows[j.pks[id]]
	return row, ok
}

func (j *judge) created(p *process, row lifecycle.Row) {
	before, stood := j.rows[row.PK]
	switch {
	case stood && j.expired(row.Key().ID, j.w.now(), false):
		j.anew(before)
	case stood:
		j.w.violate("%s creates %s over one that is %s", p.name, short(row.PK), before.Status)
	}
	if before := j.pks[row.Key().ID]; before != "" && before != row.PK {
		j.w.violate("%s creates %s, whose id is that of %s", p.name, row.PK, before)
	}
	j.creations++
	j.w.saw("write create")
	j.rows[row.PK], j.pks[row.Key().ID] = row, row.PK
	j.within(p, row)
}

// within holds a new request to the limits of its user and tenant.
func (j *judge) within(p *process, row lifecycle.Row) {
	mine, all := 0, 0
	for _, other := range j.rows {
		if other.Status.Terminal() || other.Key().Tenant != row.Key().Tenant {
			continue
		}
		all++
		if other.User == row.User {
			mine++
		}
	}
	if l := j.w.plan.limits; l != (contract.Limits{}) && (mine > l.User.Requests || all > l.Tenant.Requests) {
		j.w.violate("%s creates %s, the open request %d of its user and %d of its tenant: the limits are %d and %d", p.name, short(row.PK), mine, all, l.User.Requests, l.Tenant.Requests)
	}
}

// updated holds each write to what must be true of any.
func (j *judge) updated(p *process, u lifecycle.Update, before, after lifecycle.Row) {
	j.rows[after.PK] = after
	j.w.saw("write %s", u.Name)
	now := j.w.now().UnixMilli()
	bad := func(format string, args ...any) {
		j.w.violate("%s of %s by %s, %s to %s: %s", u.Name, short(after.PK), p.name, before.Status, after.Status, fmt.Sprintf(format, args...))
	}
	if before.Status.Terminal() {
		if before.Status != after.Status || before.Fence != after.Fence || before.Seq != after.Seq || before.EndedAt != after.EndedAt ||
			before.Result != after.Result || before.Code != after.Code || before.Error != after.Error || before.ResultAt != after.ResultAt {
			bad("a terminal state changes")
		}
		if u.Set["status"] != nil {
			bad("a second terminal transition")
		}
	}
	if after.Fence < before.Fence || after.Attempt < before.Attempt {
		bad("fence or attempt fall from %d and %d to %d and %d", before.Fence, before.Attempt, after.Fence, after.Attempt)
	}
	if after.Attempt > after.MaxAttempts {
		bad("attempt %d of %d", after.Attempt, after.MaxAttempts)
	}
	switch u.Name {
	case "claim", "resume":
		j.claimed++
		j.claims[after.PK] += after.Attempt - before.Attempt
		if u.Name == "claim" && after.Attempt == before.Attempt {
			bad("the attempt stays at %d", after.Attempt)
		}
		if j.claims[after.PK] > after.MaxAttempts {
			bad("claim %d, of %d", j.claims[after.PK], after.MaxAttempts)
		}
		if before.Status == protocol.Processing && before.LeaseUntil >= now+j.skew() {
			bad("the lease lasts for another %d ms", before.LeaseUntil-now)
		}
		if before.Status == protocol.Retrying && before.NextAt > now+j.skew() {
			bad("%d ms before its time", before.NextAt-now)
		}
		if before.CancelAt != 0 {
			bad("it was cancelled")
		}
		if after.Fence <= before.Fence {
			bad("the fence stays at %d", after.Fence)
		}
		j.starts[p] = j.states[after.Key().ID]
		j.holders[after.PK] = holder{p, after.Fence}
	case "hand over":
		if h := j.holders[after.PK]; h.p != p || h.fence != before.Fence {
			bad("it is not %s's to give", p.name)
		}
		if after.Fence <= before.Fence {
			bad("the fence stays at %d", after.Fence)
		}
		j.holders[after.PK] = holder{}
	case "take over":
		switch {
		case before.Carrier != "" || before.Handed == 0:
			bad("it is a processor's")
		case after.Fence <= before.Fence:
			bad("the fence stays at %d", after.Fence)
		case after.Attempt != before.Attempt:
			bad("it counts as an attempt")
		}
		j.starts[p] = j.states[after.Key().ID]
		j.holders[after.PK] = holder{p, after.Fence}
	case "resend":
		if _, stale := lifecycle.Stale(before, j.w.now().Add(2*j.w.plan.skew)); !stale {
			bad("a hint for a request that needs none")
		}
	case "pulse", "complete", "fail", "cancelled", "retry", "save", "continue":
		if h := j.holders[after.PK]; h.p != p || h.fence != before.Fence {
			bad("a worker writes that was fenced off: fence %d is %s's", h.fence, h.name())
		}
	}
	if after.Status.Terminal() && !before.Status.Terminal() {
		j.ended(after, bad)
	}
}

// refusedWrite counts what comes of a write that did not hold: of a claim, what its worker
// will make of it.
func (j *judge) refusedWrite(u lifecycle.Update, stood *store.RefusedError, now time.Time) {
	j.w.saw("refused %s", u.Name)
	if u.Name != "resume" && (u.Name != "claim" || stood.Row.Continued()) {
		return
	}
	carrier, _ := u.Set["carrier"].(string)
	owner, _ := u.Set["owner"].(string)
	verdict, _, reason := lifecycle.Settle(stood.Row, stood.Exists, carrier, owner, now)
	j.w.saw("settle %s %s", []string{"drop", "wait", "tell", "own", "finish"}[verdict], []string{"", "cancelled", "overdue", "exhausted"}[reason])
}

// ended holds a request's end to its reasons and its time.
func (j *judge) ended(row lifecycle.Row, bad func(string, ...any)) {
	j.ends++
	j.w.saw("end %s %s", row.Status, row.Code)
	now := j.w.now()
	switch {
	case row.Status == protocol.Cancelled && !j.cancelled[row.Key().ID]:
		bad("nobody asked for it")
	case row.Code == protocol.Deadline && row.Status == protocol.Failed && now.UnixMilli()+j.skew() < row.DeadlineAt:
		bad("the deadline is still to come")
	case row.Code == protocol.AttemptsExhausted && row.Attempt < row.MaxAttempts:
		bad("after %d of %d attempts", row.Attempt, row.MaxAttempts)
	}
	if j.w.calm {
		due := time.UnixMilli(row.DeadlineAt)
		if j.calmAt.After(due) {
			due = j.calmAt
		}
		if over := now.Sub(due.Add(lag(row))); over > 0 {
			bad("%s later than promised", over)
		}
	}
}

// lag is how long after its deadline a request may still be open: the reconciler's
// patience of two minutes and its period of five, a delivery with its retries, and the
// reconciler's pause after hints that it sent in vain.
func lag(row lifecycle.Row) time.Duration {
	lag := 10 * time.Minute
	if row.Handed != 0 {
		lag += silence // which may have begun just before
	}
	if row.Hints > 0 {
		lag += min(5*time.Minute<<min(row.Hints-1, 7), 6*time.Hour)
	}
	return lag
}

// posted holds a frame that API Gateway took to what went out before it.
func (j *judge) posted(p *process, c *conn, f protocol.Frame) {
	e, ok := protocol.EventOf(f)
	if !ok || j.bygone(f) {
		return
	}
	row, exists := j.row(e.RequestID)
	switch terminal := f.Type().Terminal(); {
	case !exists:
		j.w.violate("%s posts %s of a request that there is not", p.name, f.Type())
		return
	case terminal && (!row.Status.Terminal() || ends(row) != f.Type() || row.Seq != e.Seq):
		j.w.violate("%s posts %s %d of %s, which is %s with %d", p.name, f.Type(), e.Seq, short(e.RequestID), row.Status, row.Seq)
	case !terminal && row.Status.Terminal() && e.Seq >= row.Seq:
		j.w.violate("%s posts %s %d of %s, which ended with %d", p.name, f.Type(), e.Seq, short(e.RequestID), row.Seq)
	}
	if j.frames[e.RequestID] == nil {
		j.frames[e.RequestID] = map[int64]string{}
	}
	now := string(f.Type()) + essence(f)
	if before := j.frames[e.RequestID][e.Seq]; before != "" && before != now {
		j.w.violate("%s posts %s %d of %s, which stood for %s before", p.name, now, e.Seq, short(e.RequestID), before)
	}
	j.frames[e.RequestID][e.Seq] = now
}

func ends(row lifecycle.Row) protocol.Type {
	switch row.Status {
	case protocol.Completed:
		return protocol.TypeComplete
	case protocol.Failed:
		return protocol.TypeFailed
	case protocol.Cancelled:
		return protocol.TypeCancelled
	}
	return ""
}

// accepted holds an acceptance to the row that it promises.
func (j *judge) accepted(wt *want, id string) {
	if row, exists := j.row(id); !exists || row.Action != wt.action {
		j.w.violate("%s is told that %s is accepted, which there is not", wt.client.name, short(id))
	}
	j.wants[id] = wt
	if wt.key == "" {
		return
	}
	key := fmt.Sprint(wt.client.person, wt.action, wt.key)
	if before := j.keys[key]; before != "" && before != id {
		j.w.violate("key %s has brought in %s and %s", key, short(before), short(id))
	}
	j.keys[key] = id
}

// skew is how far two clocks may be apart, in milliseconds.
func (j *judge) skew() int64 { return 2 * j.w.plan.skew.Milliseconds() }

// saved says that a handler was told that its state is kept.
func (j *judge) saved(id string, at int) { j.states[id] = max(j.states[id], at) }

// restored holds the state that a handler begins with to what was saved before.
func (j *judge) restored(p *process, id string, at int) {
	if at < j.starts[p] {
		j.w.violate("%s begins %s at %d, although %d was saved", p.name, short(id), at, j.starts[p])
	}
}

// charged holds the result of an effect to the one before.
func (j *judge) charged(id, by string) {
	if before := j.charges[id]; before != "" && before != by {
		j.w.violate("%s was charged by %s, and before by %s", short(id), by, before)
	}
	if by == j.spent[id] {
		j.w.violate("%s was charged by %s, which charged what expired", short(id), by)
	}
	j.charges[id] = by
}

// shown holds an answer about a request to its row.
func (j *judge) shown(f protocol.Request) {
	row, exists := j.row(f.RequestID)
	if !exists || f.Status.Terminal() && (row.Status != f.Status || f.Seq >= row.Seq) {
		j.w.violate("an answer shows %s as %s with %d, its row is %s with %d", short(f.RequestID), f.Status, f.Seq, row.Status, row.Seq)
	}
}

// verdict looks at the world once it is at rest, before anyone asks again.
func (j *judge) verdict() {
	if j.creations-j.again != len(j.rows) {
		j.w.violate("%d requests were created, there are %d", j.creations-j.again, len(j.rows))
	}
	for _, pk := range slices.Sorted(maps.Keys(j.rows)) {
		row := j.rows[pk]
		if !row.Status.Terminal() {
			j.w.violate("%s is lost: it is %s, its deadline was %s ago, hints %d", short(pk), row.Status,
				j.w.now().Sub(time.UnixMilli(row.DeadlineAt)), row.Hints)
			continue
		}
		wt := j.wants[row.Key().ID]
		if wt == nil {
			continue // whoever sent it never heard of it
		}
		status, code, attempt := expected(wt.job.Kind, row.MaxAttempts)
		if j.w.plan.quiet && (row.Status != status || row.Code != code || row.Attempt != attempt) {
			j.w.violate("nothing went wrong, but %s, which %s, is %s %s after %d attempts", short(pk), wt.job.Kind, row.Status, row.Code, row.Attempt)
		}
	}
	j.unanswered()
	for _, c := range j.w.clients {
		if c.conn == nil {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(c.conn.watching)) {
			row, _ := j.row(id)
			if row.Status.Terminal() && c.conn.expires.After(j.w.now()) && !c.conn.ended[id] && j.forsaken[row.PK].IsZero() && row.Reposts < 5 {
				j.w.violate("%s watches %s on %s and was not told that it is %s", c.name, short(id), c.conn.id, row.Status)
			}
		}
	}
}

// final looks at what clients know after they have asked for everything.
func (j *judge) final() {
	for _, c := range j.w.clients {
		for _, id := range slices.Sorted(maps.Keys(c.seen)) {
			s := c.seen[id]
			row, exists := j.row(id)
			switch {
			case !exists || !row.Status.Terminal():
				// verdict has said so
			case s.end == nil:
				j.w.violate("%s does not know how %s ended, which is %s", c.name, short(id), row.Status)
			default:
				if e, _ := protocol.EventOf(s.end); s.end.Type() != ends(row) || e.Seq != row.Seq {
					j.w.violate("%s takes %s for %s %d, it is %s %d", c.name, short(id), s.end.Type(), e.Seq, row.Status, row.Seq)
				}
			}
		}
	}
}

// crowded reports whether as many watch a request as may.
func crowded(row lifecycle.Row) bool { return len(row.Watchers) >= protocol.MaxWatchers }

// id is that of the request that a want makes, if it has a key.
func (j *judge) id(wt *want) string {
	return lifecycle.KeyedID(wt.client.tenant, wt.client.user, wt.action, wt.key)
}
