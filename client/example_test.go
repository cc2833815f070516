package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
)

// A report is submitted with the action that its handler was declared with, watched, and
// fetched by its link.
func Example() {
	ctx := context.Background()
	c, err := client.Dial(ctx, "wss://abc.execute-api.eu-central-1.amazonaws.com/v1", &client.Options{
		Token: client.StaticToken("eyJhbGciOi…"),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	run, err := client.Submit(ctx, c, handlers.GenerateReport,
		handlers.ReportIn{StartDate: "2026-01-01", EndDate: "2026-01-31"},
		&client.SubmitOptions{IdempotencyKey: "january 2026"})
	if err != nil {
		log.Fatal(err)
	}
	for update, err := range run.Updates(ctx) {
		if err != nil {
			log.Fatalf("%v: request %s goes on, watch it again", err, run.ID())
		}
		fmt.Printf("%3.0f %%  %s\n", update.Percentage, update.Message)
	}
	report, err := run.Result(ctx)
	if refused, ok := errors.AsType[*client.Error](err); ok && refused.Retryable {
		log.Fatalf("%v: submit it again", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Pages, "pages at", report.URL)
}

// A request goes on without its client: whoever has its id takes it up again.
func ExampleWatch() {
	ctx := context.Background()
	c, err := client.Dial(ctx, "wss://abc.execute-api.eu-central-1.amazonaws.com/v1", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	run, err := client.Watch[handlers.ReportOut](ctx, c, "01J8ZK3V9N4QW2RX7T5Y6M8A0B")
	if err != nil {
		log.Fatal(err)
	}
	report, err := run.Result(ctx)
	fmt.Println(report.URL, err)
}
