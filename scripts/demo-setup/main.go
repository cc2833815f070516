// Command demo-setup fills a stage with the requests that three tenants would have made
// over the last 18 months, so that reports and lists have something to show:
//
//	go run ./scripts/demo-setup            # the stage that STREAMER_OUTPUTS names
//
// What it writes depends on the seed and on the calendar alone: run again, it writes the
// same requests over themselves, and adds the days since. It refuses a stage whose tables
// are not tagged demo-data = allowed, which the stages local and dev are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
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
	tables, err := readOutputs(os.Getenv("STREAMER_OUTPUTS"))
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	client := dynamodb.NewFromConfig(cfg)
	if err := allowed(ctx, client, tables.requests); err != nil {
		return err
	}
	first := now.UTC().AddDate(0, -months, 0)
	rows := History(seed, first, now)
	bar := newBar(os.Stdout, len(rows))
	if err := write(ctx, client, tables.requests, rows, bar.advance); err != nil {
		return err
	}
	connection := store.Connection{
		ID: demoConnection, UserKey: lifecycle.UserKey(demoTenant, demoUser), Tenant: demoTenant, User: demoUser,
		ConnectedAt: now.UnixMilli(), TokenExpires: now.Add(2 * time.Hour).Unix(), ExpiresAt: now.Add(2 * time.Hour).Unix(),
	}
	if err := (store.DynamoConnections{Client: client, Table: tables.connections}).Put(ctx, connection); err != nil {
		return err
	}
	bar.end(fmt.Sprintf("%d requests of %d tenants since %s", len(rows), len(tenants), first.Format(time.DateOnly)))
	return nil
}

type tableNames struct{ requests, connections string }

// readOutputs finds the tables in what cdk deploy --outputs-file wrote.
func readOutputs(path string) (tableNames, error) {
	if path == "" {
		return tableNames{}, errors.New("STREAMER_OUTPUTS is not set: it names the file that cdk deploy --outputs-file wrote")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return tableNames{}, fmt.Errorf("read stack outputs: %w", err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		return tableNames{}, fmt.Errorf("read stack outputs: %w", err)
	}
	for _, outputs := range stacks {
		names := tableNames{outputs[contract.OutputRequestsTable], outputs[contract.OutputConnectionsTable]}
		if names.requests != "" && names.connections != "" {
			return names, nil
		}
	}
	return tableNames{}, fmt.Errorf("read stack outputs: no stack in %s has %s and %s", path, contract.OutputRequestsTable, contract.OutputConnectionsTable)
}
