package report

import (
	"fmt"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		sorted []time.Duration
		p      float64
		want   time.Duration
	}{
		{nil, 0.5, 0}, {hundred[:1], 0.95, 1}, {hundred[:2], 0.5, 1}, {hundred[:3], 0.5, 2},
		{hundred, 0.5, 50}, {hundred, 0.95, 95}, {hundred, 1, 100}, {hundred[:10], 0.95, 10},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("the percentile %v of %v is %v, want %v", c.p, c.sorted, got, c.want)
		}
	}
}

func TestDistributionIsFromTheFirstClassToTheLast(t *testing.T) {
	took := []time.Duration{100 * time.Millisecond, 999 * time.Millisecond, 10 * time.Second, time.Minute - 1}
	if got := fmt.Sprint(distribution(took)); got != "[{100 ms to 1 s 2} {1 to 10 s 0} {10 s to 1 min 2}]" {
		t.Errorf("got %s", got)
	}
	if got := distribution(nil); got != nil {
		t.Errorf("got %v of nothing", got)
	}
}
