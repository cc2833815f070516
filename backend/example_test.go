package backend_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/backend"
	"github.com/pay-theory/streamer/functions/handlers"
)

// A nightly job makes a report on behalf of a user, who sees it come, and may cancel it,
// wherever she is connected.
func Example() {
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	b, err := backend.New(backend.Config{
		AWS:           cfg,
		RequestsTable: "Shop-StreamerRequests2B3C4D5E-1A2B3C4D5E6F", // the outputs RequestsTableName
		FilesBucket:   "shop-streamerfiles6f7a8b9c-0d1e2f3a4b5c",    // and FilesBucketName
		Metrics:       os.Stdout,                                    // a container's log, in CloudWatch Logs
	}, handlers.GenerateReport)
	if err != nil {
		log.Fatal(err)
	}

	run, err := backend.Submit(ctx, b.As("acme", "ann"), handlers.GenerateReport,
		handlers.ReportIn{StartDate: "2026-01-01", EndDate: "2026-01-31"},
		&backend.SubmitOptions{IdempotencyKey: "january 2026"})
	if refused, ok := errors.AsType[*streamer.Error](err); ok {
		log.Fatalf("refused: %s", refused.Message)
	}
	if err != nil {
		log.Fatalf("submit it again: %v", err)
	}
	report, err := run.Result(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Pages, "pages at", report.URL)
}
