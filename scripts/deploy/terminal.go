package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// terminal is where people read and answer.
type terminal struct {
	in  io.Reader
	out io.Writer
}

// say prints one line of a list.
func (t terminal) say(what, format string, args ...any) {
	fmt.Fprintf(t.out, "  %-11s %s\n", what, fmt.Sprintf(format, args...))
}

// ask asks a question, to which only one answer means yes, unless all are answered.
func (c command) ask(t terminal, question, yes string) error {
	if c.yes {
		return nil
	}
	fmt.Fprintf(t.out, "%s [%s] ", question, yes)
	answer, err := bufio.NewReader(t.in).ReadString('\n')
	if err != nil {
		fmt.Fprintln(t.out)
		return errors.New("nobody answers: give -yes (YES=1 with make)")
	}
	if strings.TrimSpace(answer) != yes {
		return errors.New("nothing was done")
	}
	return nil
}
