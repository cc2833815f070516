package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/remote"
)

// The program of a container that is started for one request: its handler is like any other.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	work := func(ctx context.Context, req *streamer.Request[handlers.HandOverIn], r streamer.Reporter[json.RawMessage]) error {
		r.Step(50, "Halfway")
		return r.Complete(req.Payload.Work)
	}
	err = remote.Run(ctx, remote.Config{AWS: cfg, Metrics: os.Stdout}, os.Getenv("STREAMER_TICKET"), handlers.HandOver.Bind(work))
	switch {
	case errors.Is(err, streamer.ErrLost):
		log.Print("another process has it")
	case err != nil:
		log.Fatal(err)
	}
}

// The states of a Step Functions execution: each says how far it is, the last one ends the
// request.
func ExampleReport() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	c, ticket := remote.Config{AWS: cfg}, "eyJ2IjoxLCJ0…" // in the execution's input
	if err := remote.Report(ctx, c, ticket, 60, "Files are converted"); err != nil {
		log.Fatal(err) // streamer.ErrCancelled and streamer.ErrLost end the execution
	}
	if err := remote.Complete(ctx, c, ticket, map[string]int{"files": 12}); err != nil {
		log.Fatal(err)
	}
}
