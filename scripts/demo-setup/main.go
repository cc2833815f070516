// Command demo-setup fills a stage with the requests that three tenants would have made
// over the last 18 months, so that reports and lists have something to show:
//
//	go run ./scripts/demo-setup            # the stage that STREAMER_OUTPUTS names
//
// What it writes depends on the seed and on the calendar alone: run again, it writes the
// same requests over themselves, and adds the days since. It refuses a stage whose stack
// is not tagged demo-data = allowed, which the stages local and dev are.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/store"
)

// months is how far the data reaches back.
const months = 18

// The connection of the first design's demo: a row that a person can look up.
const (
	demoConnection = "demo-conn-123"
	demoUser       = "demo-user"
	demoTenant     = "demo-tenant"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the data grows from")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := setUp(ctx, *seed, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "demo-setup:", err)
		os.Exit(1)
	}
}

func setUp(ctx context.Context, seed uint64, now time.Time) error {
	at, err := place.FindStage(ctx, os.Getenv(outputs.Variable))
	if err != nil {
		return err
	}
	requests, err := at.Stack.Need(contract.OutputRequestsTable)
	if err != nil {
		return err
	}
	connections, err := at.Stack.Need(contract.OutputConnectionsTable)
	if err != nil {
		return err
	}
	if err := mayBeFilled(ctx, cloudformation.NewFromConfig(at.Config), at.Stack.Name); err != nil {
		return err
	}
	client := dynamodb.NewFromConfig(at.Config)
	first := now.UTC().AddDate(0, -months, 0)
	rows := History(seed, first, now)
	bar := newBar(os.Stdout, len(rows))
	if err := write(ctx, client, requests, rows, bar.advance); err != nil {
		return err
	}
	connection := store.Connection{
		ID: demoConnection, UserKey: lifecycle.UserKey(demoTenant, demoUser), Tenant: demoTenant, User: demoUser,
		ConnectedAt: now.UnixMilli(), TokenExpires: now.Add(2 * time.Hour).Unix(), ExpiresAt: now.Add(2 * time.Hour).Unix(),
	}
	if err := (store.DynamoConnections{Client: client, Table: connections}).Put(ctx, connection); err != nil {
		return err
	}
	bar.end(fmt.Sprintf("%d requests of %d tenants since %s", len(rows), len(tenants), first.Format(time.DateOnly)))
	return nil
}
