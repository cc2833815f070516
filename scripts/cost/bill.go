package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// bill is what something costs.
type bill struct {
	title string
	lines []line
}

// line is a quantity of one priced thing, and what it is for.
type line struct {
	unit     unit
	what     string
	quantity float64
}

func (l line) cost() float64 { return l.quantity * l.unit.dollars }

// add appends a line, unless there is nothing to pay.
func (b *bill) add(u unit, quantity float64, what string) {
	if quantity != 0 {
		b.lines = append(b.lines, line{u, what, quantity})
	}
}

// times is the bill of so many.
func (b bill) times(title string, n float64) bill {
	out := bill{title, slices.Clone(b.lines)}
	for i := range out.lines {
		out.lines[i].quantity *= n
	}
	return out
}

func (b bill) total() (sum float64) {
	for _, l := range b.lines {
		sum += l.cost()
	}
	return sum
}

func (b bill) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-72s %12.4f\n", b.title, b.total())
	for _, l := range b.lines {
		text := fmt.Sprintf("  %10.4f  %-23s %13s × $%-13s %s", l.cost(), l.unit.name, number(l.quantity), number(l.unit.dollars), l.what)
		fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
}

// number writes one without an exponent, and without the dust of floating point.
func number(n float64) string {
	dustless, err := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 9, 64), 64)
	if err != nil {
		panic(err) // it was one before
	}
	return strconv.FormatFloat(dustless, 'f', -1, 64)
}
