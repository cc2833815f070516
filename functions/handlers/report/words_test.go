package report

import (
	"testing"
	"time"
)

func TestSpoken(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                           "0 ms",
		999 * time.Millisecond:      "999 ms",
		time.Second:                 "1.0 s",
		59_999 * time.Millisecond:   "59.9 s",
		time.Minute:                 "1 min 00 s",
		3599 * time.Second:          "59 min 59 s",
		time.Hour:                   "1 h 00 min",
		48*time.Hour - 1:            "47 h 59 min",
		13*24*time.Hour + time.Hour: "13 d 01 h",
	} {
		if got := spoken(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestGroupedAndCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 rows", 1: "1 row", 999: "999 rows", 1_000: "1,000 rows", 1_234_567: "1,234,567 rows"} {
		if got := counted(n, "row"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestShareIsNothingOrAllOnlyIfItIs(t *testing.T) {
	for want, of := range map[string][2]int{
		"–": {0, 0}, "0.0%": {0, 7}, "<0.1%": {1, 100_000}, "0.1%": {1, 1_000}, "33.3%": {1, 3},
		"99.9%": {999, 1_000}, ">99.9%": {99_999, 100_000}, "100.0%": {7, 7},
	} {
		if got := share(of[0], of[1]); got != want {
			t.Errorf("%d of %d is %q, want %q", of[0], of[1], got, want)
		}
	}
}
