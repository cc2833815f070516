package simulation

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// world is one seed: everything outside the functions, and the one scheduler.
// Its fields belong to the scheduler, but for what mu guards.
type world struct {
	seed  uint64
	plan  plan
	bug   bug
	log   *slog.Logger
	ctx   context.Context
	began time.Time
	dice  *rand.Rand // for what is not a call of some process

	mu      sync.Mutex
	arrived []arrival
	kick    chan struct{} // has one if something arrived

	agenda    agenda
	scheduled int
	calm      bool // no new faults
	calmFrom  time.Time
	asleep    bool // a week goes by
	lived     bool // and a second life has begun
	done      bool

	lines  []line
	broken []string

	processes map[string]int // started so far, by function
	born      int
	live      map[*process]bool
	table     *requests
	stream    stream
	queue     queue
	gateway   gateway
	clients   []*client
	bucket    *bucket
	indexes
	*judge
	coverage
}

// line is one entry of the event log.
type line struct {
	at             time.Duration
	who, what, how string
}

func (l line) String() string {
	return strings.TrimSpace(fmt.Sprintf("%14s  %-16s %s  %s", l.at, l.who, l.what, l.how))
}

// arrival is something that a goroutine handed to the scheduler.
type arrival struct {
	p     *process
	what  string
	admit func(dice *rand.Rand)
}

type event struct {
	at    time.Time
	order int
	do    func()
}

type agenda []event

func (e agenda) Len() int { return len(e) }
func (e agenda) Less(i, j int) bool {
	return cmp.Or(e[i].at.Compare(e[j].at), cmp.Compare(e[i].order, e[j].order)) < 0
}
func (e agenda) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *agenda) Push(x any)   { *e = append(*e, x.(event)) }
func (e *agenda) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}

func (w *world) now() time.Time { return time.Now() }

// at carries something out at a moment.
func (w *world) at(when time.Time, do func()) {
	w.scheduled++
	heap.Push(&w.agenda, event{when, w.scheduled, do})
}

// in carries something out after a while.
func (w *world) in(d time.Duration, do func()) { w.at(w.now().Add(d), do) }

// between is a time from least up to most.
func between(dice *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(dice.Int64N(int64(most-least)))
}

func (w *world) between(least, most time.Duration) time.Duration {
	return between(w.dice, least, most)
}

// chance is true so often, while there are faults.
func (w *world) chance(p float64) bool { return w.dice.Float64() < p && !w.calm }

func (w *world) note(who, what, how string) {
	w.lines = append(w.lines, line{w.now().Sub(w.began), who, what, how})
}

// violate records that something is not as promised.
func (w *world) violate(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.broken = append(w.broken, text)
	w.note("JUDGE", text, "")
	found := w.bug.found != "" && strings.Contains(text, w.bug.found)
	w.done = w.done || found || len(w.broken) == 20
}

// hash tells two runs apart.
func (w *world) hash() uint64 {
	h := fnv.New64a()
	for _, l := range w.lines {
		fmt.Fprintln(h, int64(l.at), l.who, l.what, l.how)
	}
	return h.Sum64()
}

// submit hands something to the scheduler. Any goroutine may call it.
func (w *world) submit(a arrival) {
	w.mu.Lock()
	w.arrived = append(w.arrived, a)
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// admit takes what arrived, in an order that does not depend on who was quicker.
func (w *world) admit() {
	w.mu.Lock()
	arrived := w.arrived
	w.arrived = nil
	w.mu.Unlock()
	if len(arrived) == 0 {
		return
	}
	slices.SortStableFunc(arrived, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.p.n, b.p.n), cmp.Compare(a.what, b.what))
	})
	for _, a := range arrived {
		a.admit(a.p.diceFor(a.what))
	}
}

// tooMany events mean that some go round in circles.
const tooMany = 10_000

// run carries out one event after the other until the world is done.
func (w *world) run() {
	for {
		synctest.Wait()
		w.admit()
		if w.done || len(w.agenda) == 0 {
			break
		}
		if wait := w.agenda[0].at.Sub(w.now()); wait > 0 {
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-w.kick:
			}
			t.Stop()
			continue
		}
		heap.Pop(&w.agenda).(event).do()
		if len(w.lines) == tooMany {
			w.violate("no end in sight after %d events", tooMany)
			w.done = true
		}
	}
	for p := range w.live {
		p.returned = true // nobody waits for it any more
		p.kill("the world ends")
	}
	for range 3 { // what was on its way to the scheduler must not wait for it
		synctest.Wait()
		w.admit()
	}
}

// simulate plays one seed.
func simulate(ctx context.Context, seed uint64, b bug, verbose io.Writer) *world {
	w := &world{
		seed: seed, bug: b, ctx: ctx, began: time.Now(), dice: rand.New(rand.NewPCG(seed, 1)),
		kick: make(chan struct{}, 1), processes: map[string]int{}, live: map[*process]bool{},
		log: slog.New(slog.DiscardHandler),
	}
	if verbose != nil {
		w.log = slog.New(slog.NewTextHandler(verbose, nil))
	}
	w.judge, w.coverage = newJudge(w), coverage{}
	w.plan = newPlan(rand.New(rand.NewPCG(seed, 2)))
	if b.plan != nil {
		b.plan(&w.plan)
	}
	w.table, w.indexes, w.bucket = newRequests(w), newIndexes(w), newBucket(w)
	w.gateway.open(w)
	w.populate()
	if !b.noReconciler {
		w.in(w.between(0, 5*time.Minute), w.reconcile)
	}
	w.during(w.plan.faults)
	w.run()
	return w
}

// during has faults for so long, and then looks whether all comes to its end.
func (w *world) during(faults time.Duration) {
	w.calm, w.calmFrom = false, w.now().Add(faults)
	w.at(w.calmFrom, func() {
		w.calm = true
		w.calmAt = w.now()
		w.note("world", "faults stop", "")
		for _, c := range w.clients {
			c.wake()
		}
		w.in(time.Second, func() { w.settle(time.Second) })
	})
}

// horizon is when a world that has not come to rest is given up.
const horizon = 14 * time.Hour

// settle looks whether all is quiet, and goes on to the last phase if it is.
func (w *world) settle(pause time.Duration) {
	why := w.restless()
	if why == "" {
		w.in(time.Second, func() { // what is on its way to a client arrives
			if w.restless() != "" { // a client began something new
				w.settle(time.Second)
				return
			}
			w.verdict()
			w.last()
		})
		return
	}
	if w.now().Sub(w.calmAt) > horizon {
		w.violate("not at rest %s after the faults stopped: %s", horizon, why)
		w.verdict()
		w.done = true
		return
	}
	w.in(pause, func() { w.settle(min(2*pause, time.Minute)) })
}

// restless says what is still going on.
func (w *world) restless() string {
	for pk, row := range w.rows {
		if !row.Status.Terminal() {
			return fmt.Sprintf("%s is %s", short(pk), row.Status)
		}
	}
	for p := range w.live {
		if !p.returned {
			return p.name + " runs"
		}
	}
	if len(w.stream.records) > 0 {
		return "the stream has records"
	}
	for _, m := range w.queue.messages {
		if !m.deleted {
			return m.id + " is in the queue"
		}
	}
	for _, c := range w.clients {
		if why := c.restless(); why != "" {
			return c.name + why
		}
	}
	return ""
}

// last has every client ask for everything it knows of once more.
func (w *world) last() {
	w.note("world", "last questions", "")
	for _, c := range w.clients {
		c.askAll()
	}
	w.someone().list("", 1+w.dice.IntN(5))
	var wait func(left int)
	wait = func(left int) {
		switch {
		case !slices.ContainsFunc(w.clients, func(c *client) bool { return c.restless() != "" }):
			w.final()
			w.over()
		case left == 0:
			w.violate("clients do not get their last answers")
			w.final()
			w.done = true
		default:
			w.in(5*time.Second, func() { wait(left - 1) })
		}
	}
	w.in(5*time.Second, func() { wait(120) })
}

// over ends the world, or its first life.
func (w *world) over() {
	if w.plan.twice && !w.lived && len(w.broken) == 0 {
		w.week()
		return
	}
	w.done = true
}

// short is enough of an id to tell it from others in the log.
func short(id string) string { return id[max(0, len(id)-4):] }
