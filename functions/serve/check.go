package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/functions/serve/process"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// nobodys is a request that there is none of.
var nobodys = lifecycle.Key{Tenant: "_", ID: lifecycle.NoID}

// Probes of storage, each with what the function may do there.

func probeRequests(table store.DynamoRequests) process.Probe {
	return func(ctx context.Context) error {
		_, _, err := table.Get(ctx, nobodys)
		return unfit("requests table", table.Table, err)
	}
}

func probeByUser(table store.DynamoRequests) process.Probe {
	return func(ctx context.Context) error {
		_, _, err := table.ByUser(ctx, nobodys.Tenant, "_", store.Position{}, 1)
		return unfit("requests table, index "+contract.IndexByUser, table.Table, err)
	}
}

func probeOpen(table store.DynamoRequests) process.Probe {
	return func(ctx context.Context) error {
		_, _, err := table.Open(ctx, 0, time.Unix(0, 0), "")
		return unfit("requests table, index "+contract.IndexOpen, table.Table, err)
	}
}

func probeConnections(table store.DynamoConnections) process.Probe {
	return func(ctx context.Context) error {
		_, _, err := table.Get(ctx, "_")
		return unfit("connections table", table.Table, err)
	}
}

// probeFiles writes a document and reads it again: only so a bucket's key is tried too.
func probeFiles(bucket files.Bucket) process.Probe {
	return func(ctx context.Context) error {
		key := files.Key(nobodys, "_start.json")
		hash, err := bucket.PutDocument(ctx, key, []byte("null"))
		if err == nil {
			_, err = bucket.Document(ctx, key, hash)
		}
		return unfit("files bucket", bucket.Name, err)
	}
}

func unfit(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s is not as Streamer needs it, or may not be used: %w", what, name, err)
}
