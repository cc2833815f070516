package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// short turns a stamp into what a person reads: the seconds are enough.
func short(stamp string) string {
	date, clock, _ := strings.Cut(stamp, "T")
	clock, _, _ = strings.Cut(clock, ".")
	return date + " " + clock
}

func spokenMS(ms string) string {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return "" // not ended
	}
	return spoken(time.Duration(n) * time.Millisecond)
}

// spoken writes a duration with as much precision as a person wants.
func spoken(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%dh %02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
