package report

import "fmt"

// overview draws the first page's sums.
func (d *document) overview(s sums) {
	d.style(sans, "B", 22, ink)
	d.cell(width, 11, "Request report", "L")
	d.pdf.Ln(12)
	d.style(sans, "", 11, faint)
	d.cell(width, 6, "Tenant "+d.heading.tenant, "L")
	d.pdf.Ln(6)
	d.cell(width, 6, "Period "+d.heading.period(), "L")
	d.pdf.Ln(11)
	if s.total == 0 {
		d.line(rule)
		d.pdf.Ln(8)
		d.style(sans, "", 12, ink)
		d.cell(width, 8, "No requests were accepted in this period.", "L")
		return
	}
	d.tiles(s)
	d.bars("By status", s.statuses, s.total)
	d.bars("By action", s.actions, s.total)
}

// tiles draws the figures that a reader looks for first.
func (d *document) tiles(s sums) {
	durations := [3]string{"–", "–", "–"}
	if s.ended > 0 {
		durations = [3]string{spoken(s.p50), spoken(s.p95), spoken(s.mean)}
	}
	tiles := []struct{ label, value string }{
		{"Requests", grouped(s.total)},
		{"Ended", grouped(s.ended)},
		{"Duration, p50", durations[0]},
		{"Duration, p95", durations[1]},
		{"Duration, mean", durations[2]},
	}
	const gap, height = 3.0, 19.0
	each := (width - gap*float64(len(tiles)-1)) / float64(len(tiles))
	y := d.pdf.GetY()
	for i, tile := range tiles {
		x := margin + float64(i)*(each+gap)
		d.fill(tint)
		d.pdf.RoundedRect(x, y, each, height, 1.5, "1234", "F")
		d.pdf.SetXY(x+2, y+2.5)
		d.style(sans, "", 8, faint)
		d.cell(each-4, 5, tile.label, "L")
		d.pdf.SetXY(x+2, y+8)
		d.style(sans, "B", 15, accent)
		d.cell(each-4, 8, tile.value, "L")
	}
	d.pdf.SetXY(margin, y+height+8)
}

// bars draws one line for each count: its name, its number, its share.
func (d *document) bars(title string, counts []count, total int) {
	const height, name, number, share = 6.0, 62.0, 20.0, 18.0
	d.section(title, 3*height)
	for _, c := range counts {
		if d.pdf.GetY()+height > bottom {
			d.pdf.AddPage()
		}
		part := float64(c.n) / float64(total)
		d.style(sans, "", 9, ink)
		d.cell(name, height, c.name, "L")
		d.cell(number, height, grouped(c.n), "R")
		d.style(sans, "", 9, faint)
		d.cell(share, height, fmt.Sprintf("%.1f%%", 100*part), "R")
		x, y, room := d.pdf.GetX()+3, d.pdf.GetY(), width-name-number-share-3
		d.fill(tint)
		d.pdf.Rect(x, y+1.7, room, 2.6, "F")
		d.fill(accent)
		d.pdf.Rect(x, y+1.7, max(room*part, 0.3), 2.6, "F")
		d.pdf.Ln(height)
	}
	d.pdf.Ln(5)
}

// section begins a part of the report, on a new page if less than room is left.
func (d *document) section(title string, room float64) {
	const height = 9
	if d.pdf.GetY()+height+room > bottom {
		d.pdf.AddPage()
	}
	d.style(sans, "B", 12, ink)
	d.cell(width, 7, title, "L")
	d.pdf.Ln(height)
}
