package report

// Heights of a panel's parts, and the room after it.
const (
	panelTitle = 8.5
	panelHead  = 5.5
	panelLine  = 5.2
	panelGap   = 6.5
)

// panel is a short table under a title.
type panel struct {
	title   string
	columns []column
	lines   []line
	dots    bool   // each line begins with a dot in its colour
	none    string // is said when there are no lines
	note    string // stands beneath the lines
}

// column of a panel. One without a title shows each line's part of the whole as a bar.
type column struct {
	title string
	width float64
	align string
}

type line struct {
	texts  []string // without that of the bar
	part   float64
	colour colour
}

func (p panel) height() float64 {
	if len(p.lines) == 0 {
		return panelTitle + panelLine + panelGap
	}
	height := panelTitle + panelHead + float64(len(p.lines))*panelLine + panelGap
	if p.note != "" {
		height += panelLine
	}
	return height
}

func (p panel) draw(s sheet, left, y float64) {
	var w float64
	for _, c := range p.columns {
		w += c.width
	}
	s.section(left, y, w, p.title)
	y += panelTitle
	if len(p.lines) == 0 {
		s.text(left, y, w, panelLine, plain, "L", p.none)
		return
	}
	x := left
	for _, c := range p.columns {
		s.text(x, y, c.width, panelHead, muted, c.align, c.title)
		x += c.width
	}
	y += panelHead
	for _, l := range p.lines {
		s.line(left, y, w, rule)
		x, texts := left, l.texts
		for i, c := range p.columns {
			switch {
			case c.title == "":
				s.box(x+3, y+1.4, c.width-3, panelLine-2.8, tint)
				if l.part > 0 {
					s.box(x+3, y+1.4, max((c.width-3)*l.part, 0.2), panelLine-2.8, l.colour)
				}
			case i == 0 && p.dots:
				s.box(x, y+1.6, 2, 2, l.colour)
				s.text(x+3.5, y, c.width-3.5, panelLine, plain, c.align, texts[0])
				texts = texts[1:]
			default:
				s.text(x, y, c.width, panelLine, plain, c.align, texts[0])
				texts = texts[1:]
			}
			x += c.width
		}
		y += panelLine
	}
	s.text(left, y+0.5, w, panelLine, muted, "L", p.note)
}

// across is a panel as a block of its own.
func across(p panel) block {
	return block{p.height(), func(s sheet, y float64) { p.draw(s, margin, y) }}
}

// beside is two panels as one block.
func beside(left, right panel) block {
	return block{max(left.height(), right.height()), func(s sheet, y float64) {
		left.draw(s, margin, y)
		right.draw(s, margin+width-half, y)
	}}
}
