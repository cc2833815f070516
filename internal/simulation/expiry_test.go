package simulation

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// Some worlds live twice: after all is told, a week goes by, and clients come back to
// what has expired, is about to, or has vanished.

// vanishes is how long after its time DynamoDB may still have a row.
const vanishes = 48 * time.Hour

// week lets the time pass until about when the requests of the first life expire.
func (w *world) week() {
	w.note("world", "a week goes by", "")
	w.asleep, w.lived = true, true
	for _, c := range w.clients {
		c.retire()
	}
	clear(w.gateway.rows) // no connection lasts that long
	pks := slices.Sorted(maps.Keys(w.rows))
	if len(pks) == 0 {
		w.done = true
		return
	}
	ttl := expires(w.rows[pks[w.dice.IntN(len(pks))]])
	w.at(ttl.Add(w.between(-3*time.Minute, time.Minute)), func() { w.again(pks) })
}

// retire ends a client's program. What comes back later knows nothing.
func (c *client) retire() {
	if c.conn != nil {
		c.conn.open = false
	}
	c.conn, c.away, c.connecting = nil, true, false
	clear(c.seen)
	c.listing = nil
	clear(c.asks)
	for _, wt := range c.wants {
		wt.over = true
	}
}

// again begins the second life.
func (w *world) again(pks []string) {
	w.asleep = false
	faults := w.between(2*time.Minute, 6*time.Minute)
	w.during(faults)
	for _, c := range w.clients {
		c.leaving = false
		w.in(w.between(0, 10*time.Second), c.back)
		if w.plan.disconnects > 0 {
			w.in(w.between(0, time.Minute), c.stumble)
		}
	}
	for n, pk := range pks {
		back := w.now().Add(w.between(0, faults))
		if end := expires(w.rows[pk]); w.dice.IntN(2) == 0 && end.After(w.now().Add(10*time.Second)) {
			back = end.Add(w.between(-4*time.Second, time.Second)) // at the last moment
		}
		w.at(back, func() { w.revisit(n, pk) })
		late := w.between(0, vanishes)
		if w.dice.IntN(2) == 0 {
			late = w.between(0, time.Minute)
		}
		w.at(latest(w.now(), expires(w.rows[pk])).Add(late), func() { w.vanish(pk) })
	}
	if !w.bug.noReconciler {
		w.in(w.between(0, 5*time.Minute), w.reconcile)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// vanish is what DynamoDB does with what has expired.
func (w *world) vanish(pk string) {
	key := w.rows[pk].Key()
	if err := w.table.Expire(key, w.now()); err != nil {
		panic(err)
	}
	if _, there, err := w.table.Get(w.ctx, key); err == nil && !there {
		w.saw("world vanish")
		w.note("table", "loses "+short(pk), "")
		w.byUser.follow(w.rows[pk], lifecycle.Row{PK: pk})
	}
}

// revisit has a client come back to a request of the first life: under its key, if it
// has one, or by its id.
func (w *world) revisit(n int, pk string) {
	row := w.rows[pk]
	wt := w.wants[row.Key().ID]
	if wt == nil {
		return
	}
	c := wt.client
	if wt.key != "" && w.dice.IntN(4) > 0 {
		anew := &want{client: c, ref: fmt.Sprint("again-", n+1), action: wt.action, async: true, job: wt.job, key: wt.key, deadline: wt.deadline, started: true}
		if wt.upload != nil {
			anew.upload = &upload{announced: wt.upload.announced, put: wt.upload.put}
		}
		c.wants = append(c.wants, anew)
		c.wake()
		return
	}
	verbs := []string{protocol.ActionGet, protocol.ActionSubscribe, protocol.ActionUnsubscribe, protocol.ActionCancel}
	c.about(verbs[w.dice.IntN(len(verbs))], row.Key().ID)
}

// expires is when a row's time to live is over.
func expires(row lifecycle.Row) time.Time { return time.Unix(row.TTL, 0) }

// expired reports whether a request's time to live was over at a moment, by any clock if
// surely, else by some clock.
func (j *judge) expired(id string, at time.Time, surely bool) bool {
	row, exists := j.row(id)
	margin := j.w.plan.skew + time.Second
	if !surely {
		margin = -margin
	}
	return exists && row.TTL != 0 && !at.Before(expires(row).Add(margin))
}

// anew takes a request that was put over one that had expired: nothing that was true of
// that one is of this.
func (j *judge) anew(before lifecycle.Row) {
	id := before.Key().ID
	j.w.saw("world key anew")
	j.former[id] = before
	j.again++
	delete(j.claims, before.PK)
	delete(j.holders, before.PK)
	if j.forsaken[before.PK].Before(j.w.now()) { // a hint of this very row is lost as it is written
		delete(j.forsaken, before.PK)
	}
	delete(j.frames, id)
	delete(j.states, id)
	j.spent[id] = j.charges[id]
	delete(j.charges, id)
	delete(j.cancelled, id)
}

// bygone reports whether a frame ends not the request that has an id now but the one that
// had it before: whoever asked for that a moment before it expired may be told after.
func (j *judge) bygone(f protocol.Frame) bool {
	id := about(f)
	former, was := j.former[id]
	row, _ := j.row(id)
	return was && ended(former, f) && !ended(row, f)
}

// ended reports whether a frame is what ended a request.
func ended(row lifecycle.Row, f protocol.Frame) bool {
	e, ok := protocol.EventOf(f)
	if !ok || row.Seq != e.Seq || ends(row) != f.Type() {
		return false
	}
	result, completed := f.(protocol.Complete)
	return !completed || result.ResultRef != nil && result.ResultRef.SHA256 == hex.EncodeToString(row.ResultHash) ||
		result.ResultRef == nil && withoutLink(result.Result) == withoutLink([]byte(row.Result))
}
