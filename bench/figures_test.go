package main

import (
	"errors"
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
