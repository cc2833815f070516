// Package logs reads what the functions of a stack have logged, from Amazon CloudWatch Logs.
// It is for tools and tests; no function has it.
package logs

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/pay-theory/streamer/internal/resources"
)

// Event is one line.
type Event struct {
	Group   Group
	Time    time.Time
	Message string
}

// Group is where one function logs.
type Group struct {
	Name     string
	Function string // the function's name
	// Label is a short name for people: router, dispatcher, processor, reconciler and
	// authorizer, a worker's own name for its processor, and the template's name for a
	// function that is none of Streamer's.
	Label string
}

// Groups lists the log groups of a stack's functions. A log that is no function's is left out.
// workers are the names of its workers, which the template has without their hyphens.
func Groups(ctx context.Context, cfg aws.Config, stack string, workers ...string) ([]Group, error) {
	all, err := resources.Of(ctx, cfg, stack, "")
	if err != nil {
		return nil, err
	}
	return In(all, workers...), nil
}

var (
	// owner cuts from a logical id what tells a function and its log group apart: the last
	// part of their paths, which a function that is not Streamer's may lack, and the hash.
	owner = regexp.MustCompile(`(Function|Logs)?[0-9A-F]{8}$`)
	// worker is what a processor of a worker is called beneath its Streamer.
	worker = regexp.MustCompile(`^Workers(.+)Processor$`)
)

// always is a function that every Streamer has: what its name begins with, theirs all do.
const always = "Reconciler"

// In finds them among the resources of a stack.
func In(all []resources.Resource, workers ...string) []Group {
	functions, prefix := map[string]string{}, "" // by what their logical ids begin with
	for _, r := range all {
		if r.Type == "AWS::Lambda::Function" {
			path := owner.ReplaceAllString(r.LogicalID, "")
			functions[path] = r.ID
			if p, is := strings.CutSuffix(path, always); is {
				prefix = p
			}
		}
	}
	var groups []Group
	for _, r := range all {
		if r.Type != "AWS::Logs::LogGroup" {
			continue
		}
		path := owner.ReplaceAllString(r.LogicalID, "")
		function, is := functions[path]
		if !is {
			continue
		}
		label := path
		if own, is := strings.CutPrefix(path, prefix); is {
			label = strings.ToLower(worker.ReplaceAllString(own, "$1"))
			if at := slices.IndexFunc(workers, func(name string) bool { return strings.ReplaceAll(name, "-", "") == label }); at >= 0 {
				label = workers[at]
			}
		}
		groups = append(groups, Group{r.ID, function, label})
	}
	return groups
}

// Read returns the lines of groups since a moment, each group's in the order in which they
// were written. pattern is a filter of CloudWatch's ("Filter pattern syntax"); empty takes
// every line.
func Read(ctx context.Context, cfg aws.Config, groups []Group, since time.Time, pattern string) ([]Event, error) {
	client := cloudwatchlogs.NewFromConfig(cfg)
	var events []Event
	for _, group := range groups {
		in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &group.Name, StartTime: aws.Int64(since.UnixMilli())}
		if pattern != "" {
			in.FilterPattern = &pattern
		}
		pages := cloudwatchlogs.NewFilterLogEventsPaginator(client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("read log group %s: %w", group.Name, err)
			}
			for _, e := range page.Events {
				events = append(events, Event{Group: group, Time: time.UnixMilli(aws.ToInt64(e.Timestamp)), Message: aws.ToString(e.Message)})
			}
		}
	}
	return events, nil
}
