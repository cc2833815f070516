package main

import (
	"fmt"
	"os"
	"strings"
)

// bar shows how far the writing is: one line that moves on a terminal, the last line only
// anywhere else.
type bar struct {
	out      *os.File
	total    int
	terminal bool
}

func newBar(out *os.File, total int) *bar {
	info, err := out.Stat()
	return &bar{out: out, total: total, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

const barWidth = 25

func (b *bar) advance(done int) {
	if !b.terminal {
		return
	}
	full := barWidth * done / max(b.total, 1)
	fmt.Fprintf(b.out, "\r%s%s %5d of %d requests", strings.Repeat("█", full), strings.Repeat("░", barWidth-full), done, b.total)
}

func (b *bar) end(summary string) {
	if b.terminal {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
	fmt.Fprintln(b.out, "demo data: "+summary)
}
