// Command cost prints what Streamer costs, line by line.
//
//	go run ./scripts/cost                                # a request of 10 s with 20 progress frames
//	go run ./scripts/cost -duration 5m -frames 200 -watchers 2 -memory 2048
//	go run ./scripts/cost -traces 5 -limits 1            # what is traced besides, and limits of users
//
// How it computes is said at package cost.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/pay-theory/streamer/internal/cost"
	"github.com/pay-theory/streamer/internal/price"
)

func main() {
	w := cost.Workload{}
	flag.DurationVar(&w.Duration, "duration", 10*time.Second, "how long the handler of a request works")
	flag.IntVar(&w.Frames, "frames", 20, "progress frames of a request")
	flag.IntVar(&w.Watchers, "watchers", 1, "connections that watch a request")
	flag.IntVar(&w.Payload, "payload", 150, "bytes of a payload")
	flag.IntVar(&w.Result, "result", 300, "bytes of a result")
	flag.IntVar(&w.MemoryMB, "memory", 1024, "memory of the processor, in MB")
	flag.IntVar(&w.Queues, "queues", 1, "work queues: one, and one for each worker")
	flag.Float64Var(&w.Rate, "rate", 10, "requests a second")
	flag.IntVar(&w.Actions, "actions", 3, "actions, each of which has metrics of its own")
	flag.BoolVar(&w.Handed, "handed-over", false, "other compute does the work, which a handler hands over to it")
	flag.BoolVar(&w.Key, "key", false, "a key of one's own encrypts tables, queues and bucket")
	flag.Float64Var(&w.Traces, "traces", 0, "percent of the messages that are traced besides those that Lambda chooses")
	flag.IntVar(&w.Ledgers, "limits", 0, "limits that are kept: 1 for each user, 2 for each tenant too")
	flag.Parse()
	if err := run(w, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

const million = 1e6

func run(w cost.Workload, out io.Writer) error {
	if w.Duration <= 0 || w.Frames < 0 || w.Watchers < 1 || w.Payload < 0 || w.Result < 0 || w.MemoryMB < 128 || w.Queues < 1 || w.Rate <= 0 || w.Actions < 1 ||
		!(w.Traces >= 0 && w.Traces <= 100) || w.Ledgers < 0 || w.Ledgers > 2 {
		return fmt.Errorf("the workload makes no sense: %+v", w)
	}
	on := fmt.Sprintf("on %d MB", w.MemoryMB)
	if w.Handed {
		on = "outside, which is not in it"
	}
	fmt.Fprintf(out, "%s, in US dollars, without free tiers. A request works for %s %s, with %d progress frames, %d watching.\n",
		price.Region, w.Duration, on, w.Frames, w.Watchers)
	for _, b := range []cost.Bill{
		w.Request().Times("1,000,000 requests", million),
		w.Frame().Times("1,000,000 progress frames more", million),
		w.SyncRequest().Times("1,000,000 sync requests", million),
		w.Connect().Times("1,000,000 connects with their disconnects", million),
		w.ConnectionHour().Times("1,000 connections for an hour", 1000),
		w.Idle(),
		w.Use(),
	} {
		b.Print(out)
	}
	fmt.Fprint(out, "\nAssumed:\n")
	for _, a := range cost.Assumptions {
		fmt.Fprintf(out, "  %s\n", a)
	}
	return nil
}
