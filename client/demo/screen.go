package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/pay-theory/streamer/client"
)

// refresh is how often bars are drawn at most.
const refresh = 80 * time.Millisecond

// view shows rows while they change.
type view interface {
	// changed is called with the row that has just changed, tick as time passes, end once
	// nothing will change any more.
	changed(rows []row, at int)
	// connection is called with where the client stands, whenever that has changed.
	connection(client.State)
	tick(rows []row)
	end(rows []row)
}

// view picks how rows are shown.
func (p program) view(s settings) view {
	switch {
	case s.quiet:
		return nothing{}
	case p.size == nil:
		return &lines{out: p.stderr}
	}
	return &screen{out: p.stderr, size: p.size, painter: painter{colours: p.getenv("NO_COLOR") == ""}}
}

// show keeps a view up to date until there are no more changes, and returns the rows as
// they ended.
func show(v view, rows []row, changes <-chan change, states <-chan client.State) []row {
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	v.tick(rows)
	defer v.end(rows)
	for {
		select {
		case c, more := <-changes:
			if !more {
				return rows
			}
			rows[c.at] = c.row
			v.changed(rows, c.at)
		case s := <-states:
			v.connection(s)
		case <-ticker.C:
			v.tick(rows)
		}
	}
}

// nothing shows nothing.
type nothing struct{}

func (nothing) changed([]row, int)      {}
func (nothing) connection(client.State) {}
func (nothing) tick([]row)              {}
func (nothing) end([]row)               {}

// lines writes a line for each change.
type lines struct {
	out  io.Writer
	lost time.Time // when the connection was, zero if it is there
}

func (l *lines) changed(rows []row, at int) {
	r, now, sign := rows[at], time.Now(), " "
	if !r.ended.IsZero() {
		sign, _ = r.mark(now)
	}
	fmt.Fprintf(l.out, "%s %s  %s %3d %%  %s  %s\n", sign, r.name(longest(rows)), r.id, int(r.percentage()), r.message(now), r.took(now))
}

func (l *lines) connection(s client.State) {
	switch {
	case isAway(s) && l.lost.IsZero():
		l.lost = s.Since
		fmt.Fprintf(l.out, "↻ connection lost, connecting again%s\n", because(s))
	case s.Phase == client.Live && !l.lost.IsZero():
		fmt.Fprintf(l.out, "✓ connected again after %s\n", elapsed(s.Since.Sub(l.lost)))
		l.lost = time.Time{}
	}
}

func (*lines) tick([]row) {}
func (*lines) end([]row)  {}

// The escape sequences of a screen (ECMA-48, and DEC's for the cursor).
const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	up         = "\x1b[%dA"
	clearRight = "\x1b[K"
	clearBelow = "\x1b[J"
)

// styles are the escape sequences that take no room.
var styles = regexp.MustCompile("\x1b\\[[0-9;]*m")

// screen draws all rows in place on a terminal. Each picture is one write, which replaces
// the one before line by line and clears nothing first, so it does not flicker; one that
// is the same is not written.
type screen struct {
	out io.Writer
	painter
	size func() (width, height int)

	state  client.State
	drawn  []int // the widths of the lines that stand there
	before string
}

func (s *screen) changed([]row, int) {} // the next tick draws it

func (s *screen) connection(state client.State) { s.state = state }

func (s *screen) tick(rows []row) { s.draw(rows, time.Now()) }

func (s *screen) end(rows []row) {
	s.before = "" // a Ctrl-C may have written into it
	s.draw(rows, time.Now())
	_, _ = io.WriteString(s.out, showCursor) // nobody is left to tell
}

func (s *screen) draw(rows []row, now time.Time) {
	columns, height := s.size()
	// The last column stays free, as terminals differ in when they wrap, and the last
	// line, where the cursor is.
	var text []string
	if height--; isAway(s.state) && height > 0 {
		text = []string{s.paint(yellow, strings.TrimRight(fit("↻ "+away(s.state, now), columns-1), " "))}
		height--
	}
	text = append(draw(rows, columns-1, height, now, s.painter), text...)
	picture := strings.Join(text, clearRight+"\n") + clearRight + "\n" + clearBelow
	if picture == s.before {
		return
	}
	var b strings.Builder
	if s.before == "" {
		b.WriteString(hideCursor)
	}
	if n := s.above(columns); n > 0 {
		fmt.Fprintf(&b, "\r"+up, n)
	}
	b.WriteString(picture)
	_, _ = io.WriteString(s.out, b.String()) // a terminal that is gone ends the program by itself
	s.before, s.drawn = picture, nil
	for _, line := range text {
		s.drawn = append(s.drawn, width(styles.ReplaceAllString(line, "")))
	}
}

// above is how many of the terminal's lines the picture takes that stands there: more
// than it has, if the terminal is narrower since.
func (s *screen) above(columns int) (n int) {
	for _, w := range s.drawn {
		n += max((w+columns-1)/columns, 1)
	}
	return n
}
