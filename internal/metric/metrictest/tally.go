// Package metrictest remembers measurements, for tests.
package metrictest

import (
	"slices"
	"strings"
	"sync"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/metric"
)

// Tally is a metric.Recorder that remembers. Its keys are a metric's name and those of the
// labels Action and Code that the metric takes, with blanks between them:
// "RequestsFailed echo_async TIMEOUT". Its zero value is ready to use.
type Tally struct {
	mu     sync.Mutex
	sums   map[string]int
	values map[string][]int64
}

var _ metric.Recorder = (*Tally)(nil)

// Add implements metric.Recorder.
func (t *Tally) Add(m contract.Metric, of metric.Labels, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sums == nil {
		t.sums = map[string]int{}
	}
	t.sums[key(m, of)] += n
}

// Value implements metric.Recorder.
func (t *Tally) Value(m contract.Metric, of metric.Labels, v int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		t.values = map[string][]int64{}
	}
	t.values[key(m, of)] = append(t.values[key(m, of)], v)
}

func key(m contract.Metric, of metric.Labels) string {
	words := []string{m.Name}
	if m.By.Action {
		words = append(words, of.Action)
	}
	if m.By.Code {
		words = append(words, of.Code)
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// Sums are all that was added so far.
func (t *Tally) Sums() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]int{}
	for key, n := range t.sums {
		all[key] = n
	}
	return all
}

// Values are those recorded of one metric so far.
func (t *Tally) Values(key string) []int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.values[key])
}

// Reset forgets everything.
func (t *Tally) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.sums)
	clear(t.values)
}
