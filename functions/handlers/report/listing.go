package report

import (
	"slices"

	"github.com/pay-theory/streamer/protocol"
)

// Heights of the table's parts.
const (
	listTitle = 9.0
	listHead  = 6.5
	listRow   = 4.9
)

// listed are the table's columns in the PDF; their widths and the gap on the right of
// each add up to width. Ids are in a face whose letters are all as wide, so that none
// is ever cut.
var listed = []struct {
	title string
	face  string
	width float64
	align string
	text  func(row []string) string
}{
	{"Accepted", sans, 24, "L", func(row []string) string { return short(row[columnCreatedAt]) }},
	{"Request", mono, 36.3, "L", func(row []string) string { return row[columnID] }},
	{"Action", sans, 34, "L", func(row []string) string { return row[columnAction] }},
	{"Status", sans, 20, "L", func(row []string) string { return row[columnStatus] }},
	{"Attempt", sans, 10, "R", func(row []string) string { return row[columnAttempt] }},
	{"Duration", sans, 15, "R", func(row []string) string { return spokenMS(row[columnDuration]) }},
	{"Code", sans, 30, "L", func(row []string) string { return row[columnCode] }},
}

const listGap = (width - 169.3) / 7

// list draws rows of the table beneath its header. The first of all comes with the
// table's title.
func list(s sheet, y float64, before int, rows [][]string) {
	if before == 0 {
		s.section(margin, y, width, "Requests")
		y += listTitle
	}
	s.box(margin, y, width, listHead, tint)
	x := margin + listGap/2
	for _, c := range listed {
		s.text(x, y, c.width, listHead, head, c.align, c.title)
		x += c.width + listGap
	}
	y += listHead
	for i, row := range rows {
		if (before+i)%2 == 1 {
			s.box(margin, y, width, listRow, stripe)
		}
		x := margin + listGap/2
		for _, c := range listed {
			look := style{c.face, false, 7, ink}
			if c.face == mono {
				look.points = 6.5
			}
			text := c.text(row)
			if status := slices.Index(life[:], protocol.Status(text)); status >= 0 && c.title == "Status" {
				s.box(x, y+1.5, 1.9, 1.9, statusColours[status])
				s.text(x+3, y, c.width-3, listRow, look, c.align, text)
			} else {
				s.text(x, y, c.width, listRow, look, c.align, text)
			}
			x += c.width + listGap
		}
		y += listRow
	}
	s.line(margin, y, width, rule)
}
