package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// life is the order of the statuses in a report.
var life = [...]protocol.Status{
	protocol.Pending, protocol.Processing, protocol.Retrying,
	protocol.Completed, protocol.Failed, protocol.Cancelled,
}

// byStatus counts requests, in the order of life.
type byStatus [len(life)]int

func (b byStatus) of(s protocol.Status) int { return b[slices.Index(life[:], s)] }

func (b byStatus) total() (n int) {
	for _, of := range b {
		n += of
	}
	return n
}

func (b *byStatus) add(other byStatus) {
	for i, n := range other {
		b[i] += n
	}
}

// tally counts rows as they are read. It keeps eight bytes of each ended request, and
// twice that while it sums up.
type tally struct {
	first    time.Time
	hours    []byStatus // of the period, in order
	actions  map[string]*action
	failures map[string]int
	retried  int
}

// action is the requests of one action.
type action struct {
	name  string
	count byStatus
	took  []time.Duration // of those that ended
	p50   time.Duration
	p95   time.Duration
}

func newTally(days []time.Time) *tally {
	return &tally{
		first: days[0], hours: make([]byStatus, 24*len(days)),
		actions: map[string]*action{}, failures: map[string]int{},
	}
}

func (t *tally) add(s streamer.Summary) {
	status := slices.Index(life[:], s.Status)
	hour := int(s.CreatedAt.Sub(t.first) / time.Hour)
	t.hours[min(max(hour, 0), len(t.hours)-1)][status]++
	a := t.actions[s.Action]
	if a == nil {
		a = &action{name: s.Action}
		t.actions[s.Action] = a
	}
	a.count[status]++
	if took, ended := length(s); ended {
		a.took = append(a.took, took)
	}
	if s.Status == protocol.Failed {
		t.failures[string(s.Code)]++
	}
	if s.Attempt > 1 {
		t.retried++
	}
}

// sums is what a report says about its rows as a whole.
type sums struct {
	days, total, retried int
	count                byStatus
	actions              []action // the most frequent first
	busiest              []day    // the busiest first
	failures             []count  // the most frequent first
	unit                 string
	bars                 []bar // one for each unit of the period, in order
	// ended is how many the durations below are about.
	ended                   int
	p50, p95, mean, longest time.Duration
	lengths                 []count // the shortest first
}

type count struct {
	name string
	n    int
}

// day is the requests of one day.
type day struct {
	date  time.Time
	count byStatus
}

// sums ends the counting.
func (t *tally) sums() sums {
	s := sums{days: len(t.hours) / 24, retried: t.retried}
	for d := range s.days {
		today := day{date: t.first.AddDate(0, 0, d)}
		for _, hour := range t.hours[24*d : 24*d+24] {
			today.count.add(hour)
		}
		s.count.add(today.count)
		if today.count.total() > 0 {
			s.busiest = append(s.busiest, today)
		}
	}
	s.total = s.count.total()
	slices.SortStableFunc(s.busiest, func(a, b day) int { return cmp.Compare(b.count.total(), a.count.total()) })
	for code, n := range t.failures {
		s.failures = append(s.failures, count{code, n})
	}
	slices.SortFunc(s.failures, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name))
	})
	s.unit, s.bars = timeline(t.first, t.hours)

	for _, a := range t.actions {
		s.ended += len(a.took)
	}
	took := make([]time.Duration, 0, s.ended)
	for _, a := range t.actions {
		slices.Sort(a.took)
		a.p50, a.p95 = percentile(a.took, 0.50), percentile(a.took, 0.95)
		took = append(took, a.took...)
		s.actions = append(s.actions, *a)
	}
	slices.Sort(took)
	s.p50, s.p95, s.mean, s.longest = percentile(took, 0.50), percentile(took, 0.95), mean(took), percentile(took, 1)
	s.lengths = distribution(took)
	slices.SortFunc(s.actions, func(a, b action) int {
		return cmp.Or(cmp.Compare(b.count.total(), a.count.total()), cmp.Compare(a.name, b.name))
	})
	return s
}

// percentile is the smallest of the sorted durations that p of them are not above.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(int(math.Ceil(p*float64(len(sorted))))-1, 0)]
}

func mean(durations []time.Duration) time.Duration {
	if len(durations) == 0 {
		return 0
	}
	var sum time.Duration
	for _, d := range durations {
		sum += d
	}
	return sum / time.Duration(len(durations))
}

// distribution counts the sorted durations from mark to mark, from the first class that
// has any to the last.
func distribution(sorted []time.Duration) []count {
	marks := []struct {
		below time.Duration
		name  string
	}{
		{100 * time.Millisecond, "under 100 ms"}, {time.Second, "100 ms to 1 s"}, {10 * time.Second, "1 to 10 s"},
		{time.Minute, "10 s to 1 min"}, {10 * time.Minute, "1 to 10 min"}, {math.MaxInt64, "10 min and over"},
	}
	var classes []count
	for _, mark := range marks {
		n, _ := slices.BinarySearch(sorted, mark.below)
		if n > 0 || len(classes) > 0 {
			classes = append(classes, count{mark.name, n})
		}
		if sorted = sorted[n:]; len(sorted) == 0 {
			break
		}
	}
	return classes
}
