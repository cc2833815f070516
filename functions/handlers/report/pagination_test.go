package report

import (
	"fmt"
	"strings"
	"testing"
)

func TestPaginate(t *testing.T) {
	describe := func(pages []page) string {
		var b strings.Builder
		for _, p := range pages {
			fmt.Fprintf(&b, "%d+%d ", len(p.blocks), p.rows)
		}
		return strings.TrimSpace(b.String())
	}
	first, next := fitting(top, true), fitting(top, false)
	below := fitting(margin+30, true)
	for _, c := range []struct {
		name   string
		blocks []float64
		rows   int
		want   string
	}{
		{"none", []float64{30}, 0, "1+0"},
		{"all beneath the block", []float64{30}, below, fmt.Sprintf("1+%d", below)},
		{"too many, but room enough", []float64{30}, below + 1, fmt.Sprintf("1+%d 0+1", below)},
		{"little room", []float64{200}, 100, fmt.Sprintf("1+0 0+%d 0+%d", first, 100-first)},
		{"little room, and few", []float64{200}, 5, "1+5"},
		{"no room", []float64{260}, 1, "1+0 0+1"},
		{"full pages", []float64{260}, first + next, fmt.Sprintf("1+0 0+%d 0+%d", first, next)},
		{"one over", []float64{260}, first + next + 1, fmt.Sprintf("1+0 0+%d 0+%d 0+1", first, next)},
		{"a block that does not fit", []float64{100, 100, 100}, 1, "2+0 1+1"},
	} {
		var blocks []block
		for _, height := range c.blocks {
			blocks = append(blocks, block{height: height})
		}
		pages := paginate(blocks, c.rows)
		if got := describe(pages); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		for _, p := range pages {
			if end := p.listY + listHead + float64(p.rows)*listRow; p.rows > 0 && end > bottom {
				t.Errorf("%s: %d rows from %v end at %v", c.name, p.rows, p.listY, end)
			}
		}
	}
}
