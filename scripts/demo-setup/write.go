package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// BatchWriteItem takes 25 items (DynamoDB developer guide, "Quotas").
const batchSize = 25

// write puts the rows, batch by batch, and tells how many are done.
func write(ctx context.Context, client *dynamodb.Client, table string, rows []lifecycle.Row, done func(int)) error {
	for from := 0; from < len(rows); from += batchSize {
		batch := rows[from:min(from+batchSize, len(rows))]
		requests := make([]types.WriteRequest, len(batch))
		for i, row := range batch {
			item, err := attributevalue.MarshalMap(row)
			if err != nil {
				return fmt.Errorf("encode request row: %w", err)
			}
			requests[i] = types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
		}
		if err := writeBatch(ctx, client, table, requests); err != nil {
			return err
		}
		done(from + len(batch))
	}
	return nil
}

// writeBatch sends what is left over again, ever more slowly: a throttled table takes a
// part of a batch only.
func writeBatch(ctx context.Context, client *dynamodb.Client, table string, requests []types.WriteRequest) error {
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		out, err := client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		})
		if err != nil {
			return fmt.Errorf("write requests: %w", err)
		}
		requests = out.UnprocessedItems[table]
		if len(requests) == 0 {
			return nil
		}
		if pause > 10*time.Second {
			return fmt.Errorf("write requests: the table takes no more: %d are left", len(requests))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}
