// Command capacity computes what a Streamer of a certain size needs of AWS, what of it breaks
// first, and which setting moves that. CAPACITY.md is what it prints without flags:
//
//	go run ./scripts/capacity > CAPACITY.md
//	go run ./scripts/capacity -connections 20000 -rate 100 -share 0.5
//
// # Design
//
// What a request needs comes from package cost: calls as they are counted on a stage, write
// units as the transitions make them. What AWS gives is the default of its quota pages. A
// need grows with requests and with connections, each evenly, so that the rate at which a
// limit is met can be solved for.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	s := size{}
	flag.IntVar(&s.connections, "connections", 100_000, "connections open at once")
	flag.Float64Var(&s.rate, "rate", 1_000, "requests a second")
	flag.Float64Var(&s.share, "share", 0.1, "the largest tenant's share of the requests")
	flag.Parse()
	if err := run(s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "capacity:", err)
		os.Exit(1)
	}
}

func run(s size, out io.Writer) error {
	if s.connections < 1 || s.rate <= 0 || s.share <= 0 || s.share > 1 {
		return fmt.Errorf("the size makes no sense: %+v", s)
	}
	page(s, out)
	return nil
}
