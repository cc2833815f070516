package main

import (
	"fmt"
	"strings"
	"time"
)

// draw renders rows as lines of at most width columns, height of them at most: those that
// run come first then, and a line says how many more there are.
func draw(rows []row, width, height int, now time.Time, p painter) []string {
	shown := rows
	if len(rows) > height {
		shown = fitting(rows, max(height-1, 0))
	}
	var lines []string
	c := layout(width, longest(rows))
	for _, r := range shown {
		lines = append(lines, r.line(c, now, p))
	}
	if more := len(rows) - len(shown); more > 0 && height > 0 {
		lines = append(lines, p.paint(dim, strings.TrimRight(fit(fmt.Sprintf("  and %d more, %d of them done", more, ended(rows)-ended(shown)), width), " ")))
	}
	return lines
}

func longest(rows []row) (n int) {
	for _, r := range rows {
		n = max(n, width(r.label()))
	}
	return n
}

func ended(rows []row) (n int) {
	for _, r := range rows {
		if !r.ended.IsZero() {
			n++
		}
	}
	return n
}

// fitting picks n rows in their order, those that have not ended first.
func fitting(rows []row, n int) []row {
	open := len(rows) - ended(rows)
	closed := max(n-open, 0)
	open = min(open, n)
	var picked []row
	for _, r := range rows {
		left := &open
		if !r.ended.IsZero() {
			left = &closed
		}
		if *left > 0 {
			*left--
			picked = append(picked, r)
		}
	}
	return picked
}

// line is a row in its columns.
func (r row) line(c columnsOf, now time.Time, p painter) string {
	sign, colour := r.mark(now)
	var b strings.Builder
	b.WriteString(p.paint(colour, sign) + " " + r.name(c.label))
	if c.bar > 0 {
		b.WriteString("  " + p.paint(dim, "▕") + p.paint(colour, bar(r.percentage(), c.bar)) + p.paint(dim, "▏"))
	}
	if c.percentage {
		fmt.Fprintf(&b, " %3d %%", int(r.percentage())) // 100 is done, not almost
	}
	if c.message > 0 {
		b.WriteString("  " + fit(r.message(now), c.message))
	}
	if c.elapsed {
		b.WriteString("  " + p.paint(dim, fmt.Sprintf("%6s", r.took(now))))
	}
	return b.String()
}
