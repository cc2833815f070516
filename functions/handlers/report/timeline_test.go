package report

import (
	"testing"
	"time"
)

func TestTimelineHasAsManyBarsAsHaveRoom(t *testing.T) {
	for _, c := range []struct {
		first string
		days  int
		unit  string
		bars  int
		ends  string
	}{
		{"2024-01-31", 1, "hour", 24, "00:00 23:00"},
		{"2024-01-31", 2, "hour", 48, "00:00 23:00"},
		{"2024-01-31", 3, "day", 3, "31 Jan 2 Feb"},
		{"2024-01-01", 62, "day", 62, "1 Jan 2 Mar"},
		{"2024-01-03", 63, "week, from Monday", 10, "1 Jan 4 Mar"},
		{"2024-01-01", 182, "week, from Monday", 26, "1 Jan 24 Jun"},
		{"2024-01-15", 183, "month", 7, "Jan 24 Jul 24"},
		{"2023-12-31", 366, "month", 13, "Dec 23 Dec 24"},
	} {
		first, err := time.Parse(time.DateOnly, c.first)
		if err != nil {
			t.Fatal(err)
		}
		hours := make([]byStatus, 24*c.days)
		for i := range hours {
			hours[i][3] = 1
		}
		unit, bars := timeline(first, hours)
		sum := 0
		for _, b := range bars {
			sum += b.count.total()
		}
		ends := bars[0].label + " " + bars[len(bars)-1].label
		if unit != c.unit || len(bars) != c.bars || ends != c.ends || sum != len(hours) {
			t.Errorf("%d days from %s: %d bars, by %s, %s, %d of %d", c.days, c.first, len(bars), unit, ends, sum, len(hours))
		}
	}
}
