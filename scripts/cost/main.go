// Command cost computes what Streamer costs, line by line, from the calls that the
// integration tests count and the prices that AWS publishes.
//
//	go run ./scripts/cost                                # a request of 10 s with 20 progress frames
//	go run ./scripts/cost -duration 5m -frames 200 -watchers 2 -memory 2048
//
// # Design
//
// calls.json has the calls of each operation; TestFigures of package integ counts them on
// a stage and fails if one differs. What an update costs in DynamoDB is computed from the
// transition itself: a unit for the row, and one for each index that it touches. What can
// be neither counted nor computed here is an assumption, and is printed with the bill.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pay-theory/streamer/internal/price"
)

func main() {
	w := workload{}
	flag.DurationVar(&w.duration, "duration", 10*time.Second, "how long the handler of a request works")
	flag.IntVar(&w.frames, "frames", 20, "progress frames of a request")
	flag.IntVar(&w.watchers, "watchers", 1, "connections that watch a request")
	flag.IntVar(&w.payload, "payload", 150, "bytes of a payload")
	flag.IntVar(&w.result, "result", 300, "bytes of a result")
	flag.IntVar(&w.memoryMB, "memory", 1024, "memory of the processor, in MB")
	flag.IntVar(&w.queues, "queues", 1, "work queues: one, and one for each worker")
	flag.Float64Var(&w.rate, "rate", 10, "requests a second")
	flag.IntVar(&w.actions, "actions", 3, "actions, each of which has metrics of its own")
	flag.BoolVar(&w.key, "key", false, "a key of one's own encrypts tables, queues and bucket")
	flag.Parse()
	if err := run(w, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(w workload, out io.Writer) error {
	if w.duration <= 0 || w.frames < 0 || w.watchers < 1 || w.payload < 0 || w.result < 0 || w.memoryMB < 128 || w.queues < 1 || w.rate <= 0 || w.actions < 1 {
		return fmt.Errorf("the workload makes no sense: %+v", w)
	}
	fmt.Fprintf(out, "%s, in US dollars, without free tiers. A request works for %s on %d MB, with %d progress frames, %d watching.\n",
		price.Region, w.duration, w.memoryMB, w.frames, w.watchers)
	for _, b := range []bill{
		w.request().times("1,000,000 requests", million),
		w.frame().times("1,000,000 progress frames more", million),
		w.syncRequest().times("1,000,000 sync requests", million),
		w.connect().times("1,000,000 connects with their disconnects", million),
		w.connectionHour().times("1,000 connections for an hour", 1000),
		w.idle(),
		w.use(),
	} {
		b.print(out)
	}
	fmt.Fprint(out, "\nAssumed:\n")
	for _, a := range assumptions {
		fmt.Fprintf(out, "  %s\n", a)
	}
	return nil
}
