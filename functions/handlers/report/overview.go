package report

import (
	"fmt"
	"slices"

	"github.com/pay-theory/streamer/protocol"
)

// half is the width of each of two panels side by side.
const half = (width - 12) / 2

// How many lines a panel has at most; what is over is summed up in one more.
const (
	mostActions  = 12
	mostFailures = 6
	mostDays     = 6
)

// overview is the sums, part by part.
func (d document) overview() []block {
	const tilesHeight, chartHeight = 23.0, 50.0
	cover := block{31, d.cover}
	if d.sums.total == 0 {
		return []block{cover, {20, func(s sheet, y float64) {
			s.text(margin, y, width, 8, style{sans, false, 12, ink}, "L", "No requests were accepted in this period.")
		}}}
	}
	blocks := []block{
		cover,
		{tilesHeight + panelGap, func(s sheet, y float64) { d.sums.tiles(s, y, tilesHeight) }},
		{chartHeight + panelGap, func(s sheet, y float64) {
			s.section(margin, y, width, "Requests by "+d.sums.unit)
			legend(s, margin+width, y, 6, d.sums.count)
			chart(s, margin, y+11, width, chartHeight-11, d.sums.bars)
		}},
		beside(d.sums.byStatus(), d.sums.byDuration()),
	}
	switch {
	case d.sums.days > 1:
		blocks = append(blocks, beside(d.sums.busiestDays(), d.sums.byCode(half)))
	case len(d.sums.failures) > 0:
		blocks = append(blocks, across(d.sums.byCode(width)))
	}
	return append(blocks, across(d.sums.byAction()))
}

func (d document) cover(s sheet, y float64) {
	s.box(margin, y, width, 1.2, accent)
	s.text(margin, y+4, width, 11, style{sans, true, 22, ink}, "L", "Request report")
	const third = width / 3
	for i, fact := range [][2]string{
		{"Tenant", d.tenant},
		{"Period", d.period()},
		{"Made", d.madeAt()},
	} {
		x := margin + float64(i)*third
		s.text(x, y+16.5, third-4, 4, muted, "L", fact[0])
		s.text(x, y+20.5, third-4, 5.5, style{sans, false, 10.5, ink}, "L", fact[1])
	}
}

// tiles draws the figures that a reader looks for first.
func (t sums) tiles(s sheet, y, height float64) {
	failed, failedColour := t.count.of(protocol.Failed), accent
	if failed > 0 {
		failedColour = alarm
	}
	perDay := "on one day"
	if t.days > 1 {
		perDay = fmt.Sprintf("%.1f a day", float64(t.total)/float64(t.days))
		if t.total >= 100*t.days {
			perDay = grouped(t.total/t.days) + " a day"
		}
	}
	took := [4]string{"–", "–", "–", "–"}
	if t.ended > 0 {
		took = [4]string{spoken(t.p50), spoken(t.p95), spoken(t.mean), spoken(t.longest)}
	}
	tiles := []struct {
		label, value, note string
		colour             colour
	}{
		{"Requests", grouped(t.total), perDay, accent},
		{"Ended", grouped(t.ended), share(t.count.of(protocol.Completed), t.ended) + " completed", accent},
		{"Failed", grouped(failed), share(failed, t.ended) + " of those ended", failedColour},
		{"Duration, p50", took[0], "mean " + took[2], accent},
		{"Duration, p95", took[1], "longest " + took[3], accent},
	}
	const between = 3.0
	each := (width - between*float64(len(tiles)-1)) / float64(len(tiles))
	for i, tile := range tiles {
		x := margin + float64(i)*(each+between)
		s.box(x, y, each, height, tint)
		s.text(x+3, y+2.5, each-6, 4.5, muted, "L", tile.label)
		s.text(x+3, y+7.5, each-6, 8, style{sans, true, 14, tile.colour}, "L", tile.value)
	}
	for i, tile := range tiles {
		x := margin + float64(i)*(each+between)
		s.text(x+3, y+16, each-6, 4.5, muted, "L", tile.note)
	}
}

func (t sums) byStatus() panel {
	p := panel{title: "By status", dots: true, columns: []column{
		{"Status", 31, "L"}, {"Requests", 16, "R"}, {"Share", 14, "R"}, {"", half - 61, ""},
	}}
	if t.retried > 0 {
		p.note = grouped(t.retried) + " tried more than once"
	}
	for i, n := range t.count {
		if n > 0 {
			p.lines = append(p.lines, line{[]string{string(life[i]), grouped(n), share(n, t.total)}, float64(n) / float64(t.total), statusColours[i]})
		}
	}
	return p
}

func (t sums) byDuration() panel {
	p := panel{title: "By duration", none: "No request has ended.", columns: []column{
		{"From acceptance to the end", 36, "L"}, {"Ended", 12, "R"}, {"Share", 14, "R"}, {"", half - 62, ""},
	}}
	for _, c := range t.lengths {
		p.lines = append(p.lines, line{[]string{c.name, grouped(c.n), share(c.n, t.ended)}, float64(c.n) / float64(t.ended), accent})
	}
	return p
}

func (t sums) byAction() panel {
	p := panel{title: "By action", note: "p50 (p95): half (95%) of those that ended took no longer, from acceptance to the end, waiting included.", columns: []column{
		{"Action", 60, "L"}, {"Requests", 18, "R"}, {"Share", 14, "R"}, {"", 28, ""},
		{"Failed", 16, "R"}, {"p50", 23, "R"}, {"p95", width - 159, "R"},
	}}
	shown, rest := t.actions, action{}
	if len(shown) > mostActions {
		shown = shown[:mostActions-1]
		for _, a := range t.actions[len(shown):] {
			rest.count.add(a.count)
			rest.took = append(rest.took, a.took...)
		}
		slices.Sort(rest.took)
		rest.name = counted(len(t.actions)-len(shown), "other action")
		rest.p50, rest.p95 = percentile(rest.took, 0.50), percentile(rest.took, 0.95)
		shown = append(slices.Clone(shown), rest)
	}
	for _, a := range shown {
		n, p50, p95 := a.count.total(), "–", "–"
		if len(a.took) > 0 {
			p50, p95 = spoken(a.p50), spoken(a.p95)
		}
		p.lines = append(p.lines, line{
			[]string{a.name, grouped(n), share(n, t.total), grouped(a.count.of(protocol.Failed)), p50, p95},
			float64(n) / float64(t.total), accent,
		})
	}
	return p
}

func (t sums) busiestDays() panel {
	p := panel{title: "Busiest days", columns: []column{
		{"Day", 35, "L"}, {"Requests", 16, "R"}, {"Share", 16, "R"}, {"Failed", half - 67, "R"},
	}}
	for _, d := range t.busiest[:min(len(t.busiest), mostDays)] {
		n := d.count.total()
		p.lines = append(p.lines, line{texts: []string{d.date.Format("2006-01-02, Mon"), grouped(n), share(n, t.total), grouped(d.count.of(protocol.Failed))}})
	}
	return p
}

func (t sums) byCode(w float64) panel {
	failed := t.count.of(protocol.Failed)
	p := panel{title: "Failures by code", none: "No request failed.", columns: []column{
		{"Code", 40, "L"}, {"Failed", 16, "R"}, {"Share", 14, "R"}, {"", w - 70, ""},
	}}
	shown := t.failures
	if len(shown) > mostFailures {
		shown = slices.Clone(shown[:mostFailures-1])
		rest := count{name: counted(len(t.failures)-len(shown), "other code")}
		for _, c := range t.failures[len(shown):] {
			rest.n += c.n
		}
		shown = append(shown, rest)
	}
	for _, c := range shown {
		p.lines = append(p.lines, line{[]string{c.name, grouped(c.n), share(c.n, failed)}, float64(c.n) / float64(failed), alarm})
	}
	return p
}
