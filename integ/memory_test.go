//go:build soak

package integ_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer/scripts/stage/processes"
)

// functionNames are parts of the names of the stage's functions.
var functionNames = []string{"Authorizer", "Router", "Dispatcher", "Processor", "Reconciler"}

// memory is what the processes of each function had in memory over time.
type memory struct {
	mu      sync.Mutex
	samples map[string][]sample
}

// sample is the largest of a function's processes at one time, of so many, in bytes.
type sample struct {
	at        time.Time
	processes int
	largest   int
}

// watchMemory looks every two seconds until the test ends.
func watchMemory(t *testing.T, s *stage) *memory {
	t.Helper()
	m := &memory{samples: map[string][]sample{}}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for ticks := time.NewTicker(2 * time.Second); ; {
			m.look(s)
			select {
			case <-ticks.C:
			case <-done:
				ticks.Stop()
				return
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		watching.Wait()
	})
	return m
}

// look finds the processes that Lambda's environment says are this stage's functions.
func (m *memory) look(s *stage) {
	now := time.Now()
	seen := map[string]sample{}
	for name, processes := range processes.Of(s.endpoint) {
		for _, function := range functionNames {
			if strings.Contains(name, function+"Function") {
				all := seen[function]
				seen[function] = sample{now, all.processes + len(processes), max(all.largest, int(slices.Max(processes)))}
			}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for function, found := range seen {
		m.samples[function] = append(m.samples[function], found)
	}
}

// flat prints how much memory functions had in that time, and fails the test if one has
// grown: if its median over the last quarter is a quarter and 8 MB above the one over the
// second, when it had warmed up.
func (m *memory) flat(t *testing.T, from, to time.Time) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	const mb = 1 << 20
	quarter := to.Sub(from) / 4
	median := func(function string, nth time.Duration) (bytes int, known bool) {
		var sizes []int
		for _, s := range m.samples[function] {
			if begin := from.Add((nth - 1) * quarter); !s.at.Before(begin) && s.at.Before(begin.Add(quarter)) {
				sizes = append(sizes, s.largest)
			}
		}
		if len(sizes) == 0 {
			return 0, false
		}
		slices.Sort(sizes)
		return sizes[len(sizes)/2], true
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-12s %9s %9s %9s %9s %9s %9s\n", "MB, largest", "start", "second q.", "last q.", "end", "max", "processes")
	for _, function := range functionNames {
		samples := m.samples[function]
		if len(samples) == 0 {
			continue // the reconciler may not have run
		}
		largest, processes := 0, 0
		for _, s := range samples {
			largest, processes = max(largest, s.largest), max(processes, s.processes)
		}
		second, warm := median(function, 2)
		last, there := median(function, 4)
		fmt.Fprintf(&table, "%-12s", function)
		for _, bytes := range []int{samples[0].largest, second, last, samples[len(samples)-1].largest, largest} {
			fmt.Fprintf(&table, " %9.1f", float64(bytes)/mb)
		}
		fmt.Fprintf(&table, " %9d\n", processes)
		if warm && there && last > second+second/4+8*mb {
			t.Errorf("%s has grown from %d to %d MB", function, second/mb, last/mb)
		}
	}
	t.Logf("memory of functions while load was even\n%s", strings.TrimSuffix(table.String(), "\n"))
}
