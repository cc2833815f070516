// Package logs reads what the functions of a stack have logged, from Amazon CloudWatch Logs.
// It is for tools and tests; no function has it.
package logs

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/pay-theory/streamer/internal/resources"
)

// Event is one line.
type Event struct {
	// Group is the log group's name, which begins with the function's.
	Group   string
	Time    time.Time
	Message string
}

// Groups lists the log groups of a stack: one for each function.
func Groups(ctx context.Context, cfg aws.Config, stack string) ([]string, error) {
	found, err := resources.Of(ctx, cfg, stack, "AWS::Logs::LogGroup")
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, r := range found {
		groups = append(groups, r.ID)
	}
	return groups, nil
}

// Read returns the lines of groups since a moment, each group's in the order in which they
// were written. pattern is a filter of CloudWatch's ("Filter pattern syntax"); empty takes
// every line.
func Read(ctx context.Context, cfg aws.Config, groups []string, since time.Time, pattern string) ([]Event, error) {
	client := cloudwatchlogs.NewFromConfig(cfg)
	var events []Event
	for _, group := range groups {
		in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group, StartTime: aws.Int64(since.UnixMilli())}
		if pattern != "" {
			in.FilterPattern = &pattern
		}
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("read log group %s: %w", group, err)
			}
			for _, e := range page.Events {
				events = append(events, Event{Group: group, Time: time.UnixMilli(aws.ToInt64(e.Timestamp)), Message: aws.ToString(e.Message)})
			}
		}
	}
	return events, nil
}
