package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/pay-theory/streamer/internal/contract"
)

// posts sends frames as the processor does, without retries.
func (s *stage) posts() *apigatewaymanagementapi.Client {
	return apigatewaymanagementapi.NewFromConfig(s.Config, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = &s.callback
		o.Retryer = aws.NopRetryer{}
	})
}

// outcome names what a post was answered with: "ok" or the error's code.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return "no answer"
}

// connectionID finds the id of a connection that the program opened: it is the one that
// the connections table had not before.
func (s *stage) connectionID(ctx context.Context, open func() (*socket, error)) (*socket, string, error) {
	before, err := s.connectionIDs(ctx)
	if err != nil {
		return nil, "", err
	}
	c, err := open()
	if err != nil {
		return nil, "", err
	}
	after, err := s.connectionIDs(ctx)
	if err != nil {
		_ = c.CloseNow()
		return nil, "", err
	}
	var fresh []string
	for id := range after {
		if !before[id] {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) != 1 {
		_ = c.CloseNow()
		return nil, "", fmt.Errorf("%d connections are new: run it while nobody else connects", len(fresh))
	}
	return c, fresh[0], nil
}

func (s *stage) connectionIDs(ctx context.Context) (map[string]bool, error) {
	table, err := s.Stack.Need(contract.OutputConnectionsTable)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(s.Config), &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String(contract.ConnectionID),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if id, ok := item[contract.ConnectionID].(*types.AttributeValueMemberS); ok {
				ids[id.Value] = true
			}
		}
	}
	return ids, nil
}

// gone closes a connection without a word and posts to it until that is noticed.
func gone(ctx context.Context, s *stage) (answer, error) {
	c, id, err := s.connectionID(ctx, func() (*socket, error) { return s.dial(ctx) })
	if err != nil {
		return answer{}, err
	}
	posts := s.posts()
	_ = c.CloseNow()
	began := time.Now()
	seen := map[string]int{}
	for time.Since(began) < time.Minute {
		_, err := posts.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte(`{"type":"pong"}`)})
		what := outcome(err)
		seen[what]++
		if what == "GoneException" {
			return answer{fmt.Sprintf("after %s; posts before it: %s", time.Since(began).Round(time.Millisecond), tally(seen)), time.Since(began) < 10*time.Second}, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return answer{"not within a minute: " + tally(seen), false}, nil
}

// slowReader posts large frames to a client that does not read them, and small ones to
// one that does.
func slowReader(ctx context.Context, s *stage) (answer, error) {
	slow, slowID, err := s.connectionID(ctx, func() (*socket, error) { return s.dial(ctx) })
	if err != nil {
		return answer{}, err
	}
	defer slow.CloseNow()
	quick, quickID, err := s.connectionID(ctx, func() (*socket, error) { return s.dial(ctx) })
	if err != nil {
		return answer{}, err
	}
	defer quick.CloseNow()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _, _ = quick.closed(reading) }()

	posts := s.posts()
	var mu sync.Mutex
	seen := map[string]map[string]int{slowID: {}, quickID: {}}
	var posting sync.WaitGroup
	for id, data := range map[string]string{
		slowID:  fmt.Sprintf(`{"type":"x-fill","x":%q}`, strings.Repeat("x", 30<<10)),
		quickID: `{"type":"x-fill"}`,
	} {
		posting.Go(func() {
			for range 1000 {
				_, err := posts.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte(data)})
				mu.Lock()
				seen[id][outcome(err)]++
				mu.Unlock()
			}
		})
	}
	posting.Wait()
	return answer{
		fmt.Sprintf("to the one that does not read: %s; to the other: %s", tally(seen[slowID]), tally(seen[quickID])),
		seen[slowID]["LimitExceededException"] > 0 && seen[quickID]["ok"] == 1000,
	}, nil
}

// tally writes counts as "3 of this, 4 of that".
func tally(counts map[string]int) string {
	var out []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, fmt.Sprintf("%d %s", counts[what], what))
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ", ")
}
