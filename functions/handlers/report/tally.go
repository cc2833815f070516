package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// tally counts rows as they are read. Its zero value is ready.
type tally struct {
	total     int
	actions   map[string]int
	statuses  map[protocol.Status]int
	durations []time.Duration
}

func (t *tally) add(s streamer.Summary) {
	if t.total == 0 {
		t.actions, t.statuses = map[string]int{}, map[protocol.Status]int{}
	}
	t.total++
	t.actions[s.Action]++
	t.statuses[s.Status]++
	if d, ended := length(s); ended {
		t.durations = append(t.durations, d)
	}
}

// sums is what a report says about its rows as a whole.
type sums struct {
	total    int
	actions  []count // the most frequent first
	statuses []count // in the order of a request's life
	// ended is how many the durations below are about.
	ended          int
	p50, p95, mean time.Duration
}

type count struct {
	name string
	n    int
}

// life is the order of the statuses in a report.
var life = []protocol.Status{
	protocol.Pending, protocol.Processing, protocol.Retrying,
	protocol.Completed, protocol.Failed, protocol.Cancelled,
}

// sums ends the counting.
func (t *tally) sums() sums {
	s := sums{total: t.total, ended: len(t.durations)}
	for name, n := range t.actions {
		s.actions = append(s.actions, count{name, n})
	}
	slices.SortFunc(s.actions, func(a, b count) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name))
	})
	for _, status := range life {
		if n := t.statuses[status]; n > 0 {
			s.statuses = append(s.statuses, count{string(status), n})
		}
	}
	slices.Sort(t.durations)
	s.p50, s.p95, s.mean = percentile(t.durations, 0.50), percentile(t.durations, 0.95), mean(t.durations)
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
