package report

import "time"

// bar is the requests of one unit of the period.
type bar struct {
	label string
	count byStatus
}

// timeline adds hours up to units that a chart of the period has room for: an hour up
// to two days, a day up to two months, a week up to half a year, else a month.
func timeline(first time.Time, hours []byStatus) (unit string, bars []bar) {
	midnight := func(t time.Time) time.Time { return t.Truncate(24 * time.Hour) }
	unit, layout := "hour", "15:04"
	begin := func(t time.Time) time.Time { return t.Truncate(time.Hour) }
	switch days := len(hours) / 24; {
	case days > 182:
		unit, layout = "month", "Jan 06"
		begin = func(t time.Time) time.Time { return midnight(t).AddDate(0, 0, 1-t.Day()) }
	case days > 62:
		unit, layout = "week, from Monday", "2 Jan"
		begin = func(t time.Time) time.Time { return midnight(t).AddDate(0, 0, -(int(t.Weekday())+6)%7) } // Monday
	case days > 2:
		unit, layout = "day", "2 Jan"
		begin = midnight
	}
	var last time.Time
	for i, n := range hours {
		t := first.Add(time.Duration(i) * time.Hour)
		if b := begin(t); i == 0 || b != last {
			last = b
			label := b.Format(layout)
			if unit == "hour" && i > 0 && b == midnight(b) {
				label = b.Format("2 Jan")
			}
			bars = append(bars, bar{label: label})
		}
		bars[len(bars)-1].count.add(n)
	}
	return unit, bars
}
