// Command bench measures what Streamer costs and how long it takes, beside functions that do
// as little as can be done (package bare), in one run on the local stage, and writes
// RESULTS.md:
//
//	make bench                        # everything, about five minutes
//	make bench ARGS="-only 'start|delay'"   # some parts, printed and not written
//
// # Design
//
// A machine's milliseconds are its own, so what is told is counts and ratios. The two sides
// of a ratio take turns, A, B, A, B, so that whatever else the machine does meets both, and
// are compared by their medians. Counts of calls are those of package cost, which TestFigures
// holds to what a stage counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

// part is one thing that is measured; measure returns what it found as Markdown.
type part struct {
	name, title string
	measure     func(context.Context, *stage) (string, error)
}

var parts = []part{
	{"compared", "Beside a comparable system, and the floor", compared},
	{"calls", "Calls and capacity units", calls},
	{"wire", "Bytes on the wire", wire},
	{"cost", "Cost", costs},
	{"start", "Start-up", start},
	{"dependencies", "What the binaries are made of", dependencies},
	{"tracing", "What traces cost at a start", tracing},
	{"trip", "Sync round trip", trip},
	{"first", "From a message to the first progress", first},
	{"delay", "From Report to the client", delay},
	{"rate", "Requests a second", rate},
	{"idle", "1,000 idle sockets", idle},
	{"memory", "Memory over 10,000 requests", memory},
	{"micro", "Hot paths", micro},
	{"profile", "What the processor's time goes into", profile},
}

func main() {
	only := flag.String("only", "", "measure only the parts whose names match, and write nothing")
	out := flag.String("out", "bench/RESULTS.md", "where to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *only, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only, out string) error {
	some, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	s, err := find(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	var page strings.Builder
	if err := heading(ctx, &page, began); err != nil {
		return err
	}
	var failed error
	for _, p := range parts {
		if !some.MatchString(p.name) {
			continue
		}
		fmt.Printf("\n## %s\n\n", p.title)
		since := time.Now()
		text, err := p.measure(ctx, s)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s\n(%s took %.0f s)\n", text, p.name, time.Since(since).Seconds())
		fmt.Fprintf(&page, "\n## %s\n\n%s", p.title, text)
	}
	if failed != nil || only != "" {
		return failed
	}
	fmt.Fprintf(&page, "\nMeasured in %.0f s.\n", time.Since(began).Seconds())
	return os.WriteFile(out, []byte(page.String()), 0o644)
}
