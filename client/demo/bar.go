package main

import (
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// style is how a text looks, as the parameters of an escape sequence.
type style string

const (
	plain  style = ""
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
)

// painter gives texts their style; the zero value leaves them as they are.
type painter struct{ colours bool }

func (p painter) paint(s style, text string) string {
	if !p.colours || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// eighths are the blocks that fill a cell from the left, by eighths.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar is n cells, filled to the eighth of a cell below percentage.
func bar(percentage float64, n int) string {
	filled := int(percentage * float64(n) * 8 / 100)
	text := strings.Repeat("█", filled/8) + eighths[filled%8]
	return text + strings.Repeat(" ", n-width(text))
}

// columnsOf says which parts of a row there is room for, and how wide they are. What
// matters least goes first as it gets narrow: message, time, bar, percentage.
type columnsOf struct {
	label, bar, message int
	percentage, elapsed bool
}

// The narrowest and widest of what may be left out, with the space before it.
const (
	percentageWidth = 1 + 5
	elapsedWidth    = 2 + 6
	barEdges        = 2 + 2
	minBar          = 8
	maxBar          = 32
	minMessage      = 2 + 10
)

// layout fits a row with a label of some width into total columns.
func layout(total, longest int) columnsOf {
	c := columnsOf{label: min(longest, max(8, total/4), max(total-2, 0))}
	rest := total - 2 - c.label // a mark and a space come first
	take := func(n int) bool {
		if rest < n {
			return false
		}
		rest -= n
		return true
	}
	c.percentage = take(percentageWidth)
	if take(barEdges + minBar) {
		c.bar = minBar
		c.elapsed = take(elapsedWidth)
	}
	if c.elapsed && take(minMessage) {
		wider := min(rest/3, maxBar-minBar)
		c.bar += wider
		c.message = minMessage - 2 + rest - wider
	} else if c.bar > 0 {
		c.bar += min(rest, maxBar-minBar)
	} else {
		c.label += min(rest, longest-c.label)
	}
	return c
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

const spinTime = 80 * time.Millisecond

// mark is where a request stands as one character, and its style, which the bar has too.
func (r row) mark(now time.Time) (string, style) {
	switch {
	case r.update.Status == protocol.Cancelled:
		return "–", yellow
	case r.err != nil && r.done:
		return "✗", red
	case r.done:
		return "✓", green
	case !r.ended.IsZero(): // it goes on, unwatched
		return "?", yellow
	case r.update.Status == protocol.Retrying:
		return "↻", yellow
	case r.update.Status == protocol.Processing:
		return spinner[max(now.Sub(r.started), 0)/spinTime%time.Duration(len(spinner))], cyan
	}
	return "·", dim
}
