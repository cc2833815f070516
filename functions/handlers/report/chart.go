package report

import "math"

// stack is the order of the statuses in a bar, from its foot: the ended ones first.
var stack = [len(life)]int{3, 4, 5, 2, 1, 0}

// chart draws bars, each stacked by status, over an axis of their time and beside one
// of their number. The tallest is named.
func chart(s sheet, x, y, w, h float64, bars []bar) {
	const axis, label = 14.0, 6.0
	most, tallest := 0, 0
	for i, b := range bars {
		if n := b.count.total(); n > most {
			most, tallest = n, i
		}
	}
	step := interval(most)
	scale := (h - label) / float64((most+step-1)/step*step)
	base := y + h - label
	for n := 0; float64(n)*scale <= h-label+0.01; n += step {
		at := base - float64(n)*scale
		s.line(x+axis, at, w-axis, rule)
		s.text(x, at-2, axis-2, 4, muted, "R", grouped(n))
	}
	slot := (w - axis) / float64(len(bars))
	thick := min(0.76*slot, 12)
	every := int(math.Ceil(13 / slot))
	for i, b := range bars {
		left, at := x+axis+float64(i)*slot+(slot-thick)/2, base
		for _, status := range stack {
			if b.count[status] == 0 {
				continue
			}
			part := float64(b.count[status]) * scale
			at -= part
			s.box(left, at, thick, part, statusColours[status])
		}
		if i == tallest {
			s.caption(left+thick/2, at-3.8, x+w, head, grouped(most))
		}
		if i%every == 0 {
			s.caption(left+thick/2, base+1, x+w, muted, b.label)
		}
	}
}

// interval is the step of an axis that reaches most in at most five: 1, 2 or 5 of a
// power of ten.
func interval(most int) int {
	for power := 1; ; power *= 10 {
		for _, step := range []int{power, 2 * power, 5 * power} {
			if 5*step >= most {
				return step
			}
		}
	}
}

// caption writes text with its middle at x, but not over right, on a clear ground.
func (s sheet) caption(x, y, right float64, look style, text string) {
	s.set(look)
	w := s.pdf.GetStringWidth(text) + 1
	x = min(x-w/2, right-w)
	s.box(x, y, w, 3.4, colour{255, 255, 255})
	s.text(x, y, w, 3.4, look, "C", text)
}

// legend names the statuses that count has, its right end at x.
func legend(s sheet, x, y, h float64, count byStatus) {
	look := style{sans, false, 7, faint}
	s.set(look)
	for status := len(life) - 1; status >= 0; status-- {
		if count[status] == 0 {
			continue
		}
		w := s.pdf.GetStringWidth(string(life[status])) + 0.5
		x -= w
		s.text(x, y, w, h, look, "L", string(life[status]))
		s.box(x-3, y+h/2-1, 2, 2, statusColours[status])
		x -= 7
	}
}
