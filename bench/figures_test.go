package main

import (
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var all times
	for n := 100; n >= 0; n-- { // not in order
		all = append(all, time.Duration(n))
	}
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 50, 0.9: 90, 0.99: 99, 1: 100} {
		if got := all.at(q); got != want {
			t.Errorf("the quantile %v of 0 to 100 is %d", q, got)
		}
	}
	if got := (times{}).at(0.5); got != 0 {
		t.Errorf("of nothing it is %d", got)
	}
}

func TestEach(t *testing.T) {
	var now, most, done atomic.Int64
	odd := errors.New("odd")
	err := each(9, 3, func(i int) error {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		done.Add(1)
		if i == 5 {
			return odd
		}
		return nil
	})
	if !errors.Is(err, odd) || done.Load() != 9 || most.Load() > 3 {
		t.Errorf("%d were done, %d at once, err %v", done.Load(), most.Load(), err)
	}
}

func TestTable(t *testing.T) {
	table := newTable("", "ratio")
	table.row("a", ratio(3, 2))
	if got, want := table.String(), "|  | ratio |\n|---|---|\n| a | 1.50 |\n"; got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestSpent(t *testing.T) {
	const traces = `File: processor.test
-----------+------------
     bytes:  512B
    1.50kB   runtime.mallocgc
             encoding/json.Marshal
             example.com/a/b/v2/c.(*Client).do
             example.com/ours/internal/store.Put
-----------+------------
       2ms   example.com/ours.Action[go.shape.struct { example.com/a/b.X }].Bind.func1
             example.com/a.Do
-----------+------------
             example.com/a.Do
-----------+------------
       4ms   example.com/ours/internal/store.(*Rows).Put
-----------+------------
      10ms   runtime.gcBgMarkWorker (inline)
`
	known := []string{"example.com/a/b/v2", "example.com/a", "example.com/ours"}
	want := map[string]float64{"example.com/a/b/v2": 1.5, "example.com/ours": 2, "example.com/ours/internal/store": 4, nobodys: 10}
	if got := spent(traces, "example.com/ours", known); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
