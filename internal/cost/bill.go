package cost

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bill is what something costs.
type Bill struct {
	title string
	lines []line
}

// line is a quantity of one priced thing, and what it is for.
type line struct {
	unit     Unit
	what     string
	quantity float64
}

func (l line) cost() float64 { return l.quantity * l.unit.dollars }

// add appends a line, unless there is nothing to pay.
func (b *Bill) add(u Unit, quantity float64, what string) {
	if quantity != 0 {
		b.lines = append(b.lines, line{u, what, quantity})
	}
}

// Times is the bill of so many.
func (b Bill) Times(title string, n float64) Bill {
	out := Bill{title, slices.Clone(b.lines)}
	for i := range out.lines {
		out.lines[i].quantity *= n
	}
	return out
}

// Total is in US dollars.
func (b Bill) Total() (sum float64) {
	for _, l := range b.lines {
		sum += l.cost()
	}
	return sum
}

// Quantity is how many of a unit are paid for.
func (b Bill) Quantity(of Unit) (sum float64) {
	for _, l := range b.lines {
		if l.unit == of {
			sum += l.quantity
		}
	}
	return sum
}

// Print writes the total, and a line for each thing that is paid for.
func (b Bill) Print(out io.Writer) {
	fmt.Fprintf(out, "\n%-72s %12.4f\n", b.title, b.Total())
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
