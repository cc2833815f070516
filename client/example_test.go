package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
)

// A report is submitted with the action that its handler was declared with, watched, and
// fetched by its link. Where the connection is lost meanwhile, the client connects again.
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
			log.Fatalf("%v: request %s goes on, watch it again", err, run.ID()) // the client has ended
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

// A service connects in the background and outlives everything: fresh tokens come from a
// function, and its log says when the connection is away.
func ExampleConnect() {
	c, err := client.Connect("wss://abc.execute-api.eu-central-1.amazonaws.com/v1", &client.Options{
		Token: func(ctx context.Context) (string, error) {
			return "eyJhbGciOi…", nil // from the issuer
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	go func() {
		for state := range c.States(context.Background()) {
			log.Print("the stage is ", state.Phase, ": ", state.Problem)
		}
	}()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	echoed, err := client.Do(ctx, c, handlers.Echo, json.RawMessage(`"hello"`))
	fmt.Println(string(echoed), err)
}
