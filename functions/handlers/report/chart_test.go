package report

import "testing"

func TestIntervalReachesTheMostInFive(t *testing.T) {
	for most, want := range map[int]int{1: 1, 5: 1, 6: 2, 10: 2, 11: 5, 25: 5, 26: 10, 1_234: 500, 99_999: 20_000} {
		if got := interval(most); got != want {
			t.Errorf("the interval of %d is %d, want %d", most, got, want)
		}
	}
}
