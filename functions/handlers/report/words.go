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
		return fmt.Sprintf("%d min %02d s", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %02d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted writes a number and its noun, which takes an s unless the number is 1.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// share writes how much n is of total, and never calls something nothing or all of it
// that is not.
func share(n, total int) string {
	switch {
	case total == 0:
		return "–"
	case n > 0 && 2000*n < total:
		return "<0.1%"
	case n < total && 2000*(total-n) <= total:
		return ">99.9%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(total))
}
