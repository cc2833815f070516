package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cloudwatchtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/resources"
)

// queueDepth is a queue with what waits in it.
type queueDepth struct {
	Name    string `json:"name"`
	URL     string `json:"url"`
	Waiting int    `json:"waiting"`
	InWork  int    `json:"in_work"`
	Delayed int    `json:"delayed"`
	// OldestMS is the age of the oldest message, those in work included, as CloudWatch
	// told it in the last minutes; nil if it did not.
	OldestMS *int64 `json:"oldest_ms"`
	// Open are the requests whose hints go here, and LateMS is how long one of them has
	// been due at most; both only for work queues.
	Open   int   `json:"open_requests"`
	LateMS int64 `json:"late_ms"`
}

// The names of the queues that are no worker's.
const (
	workName         = "work"
	deadLettersName  = "dead letters"
	undispatchedName = "undispatched"
)

func queuesCommand(*flag.FlagSet) task {
	return func(ctx context.Context, s *session, _ []string) error {
		all, err := depths(ctx, s)
		if err != nil {
			return err
		}
		return s.tell(all, func(out io.Writer) error {
			lines := [][]string{{"QUEUE", "WAITING", "IN WORK", "DELAYED", "OLDEST", "OPEN REQUESTS", "LATE"}}
			for _, q := range all {
				oldest, open, late := "-", "-", "-"
				if q.OldestMS != nil {
					oldest = span(time.Duration(*q.OldestMS) * time.Millisecond)
				}
				if q.work() {
					open = strconv.Itoa(q.Open)
				}
				if q.LateMS > 0 {
					late = span(time.Duration(q.LateMS) * time.Millisecond)
				}
				lines = append(lines, []string{plain(q.Name), strconv.Itoa(q.Waiting), strconv.Itoa(q.InWork), strconv.Itoa(q.Delayed), oldest, open, late})
			}
			if err := table(out, "queues", lines); err != nil {
				return err
			}
			fmt.Fprintln(out, "\nA hint in a queue names a request, and is dropped if that has ended by the time\nthat it is read. OLDEST is CloudWatch's age of a hint, LATE how long a request\nhas been due: a few seconds are normal.")
			return nil
		})
	}
}

func (q queueDepth) work() bool { return q.Name != deadLettersName && q.Name != undispatchedName }

// depths looks at the queues of a stack.
func depths(ctx context.Context, s *session) ([]queueDepth, error) {
	found, err := resources.Of(ctx, s.Config, s.Stack.Name, "AWS::SQS::Queue")
	if err != nil {
		return nil, err
	}
	var all []queueDepth
	for _, r := range found {
		q := queueDepth{Name: s.queueName(r), URL: r.ID}
		if q.Name == "" {
			continue
		}
		out, err := s.queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.URL, AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible, types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		}})
		if err != nil {
			return nil, fmt.Errorf("look at the queue %s: %w", q.Name, err)
		}
		for name, to := range map[types.QueueAttributeName]*int{
			types.QueueAttributeNameApproximateNumberOfMessages:           &q.Waiting,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &q.InWork,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &q.Delayed,
		} {
			if *to, err = strconv.Atoi(out.Attributes[string(name)]); err != nil {
				return nil, fmt.Errorf("look at the queue %s: %w", q.Name, err)
			}
		}
		all = append(all, q)
	}
	rank := map[string]int{workName: -1, deadLettersName: 1, undispatchedName: 2} // workers are 0
	slices.SortFunc(all, func(a, b queueDepth) int {
		return cmp.Or(rank[a.Name]-rank[b.Name], strings.Compare(a.Name, b.Name))
	})
	if err := s.ages(ctx, all); err != nil {
		return nil, err
	}
	return all, s.late(ctx, all)
}

// queueName is what people call a queue; empty for one that is none of Streamer's.
func (s *session) queueName(r resources.Resource) string {
	switch {
	case r.ID == s.work:
		return workName
	case r.ID == s.dead:
		return deadLettersName
	case strings.Contains(r.LogicalID, "Undispatched"):
		return undispatchedName
	}
	for name, w := range s.workers {
		if w.Queue == r.ID {
			return name
		}
	}
	return ""
}

// ages asks CloudWatch for the age of the oldest message of each queue.
func (s *session) ages(ctx context.Context, all []queueDepth) error {
	name := func(q queueDepth) string { return q.URL[strings.LastIndexByte(q.URL, '/')+1:] }
	var names []string
	for _, q := range all {
		names = append(names, name(q))
	}
	seconds, err := s.measured(ctx, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", names, "Maximum", 10*time.Minute)
	if err != nil {
		return err
	}
	for i, q := range all {
		if values := seconds[name(q)]; len(values) > 0 {
			all[i].OldestMS = aws.Int64(int64(values[0] * 1000))
		}
	}
	return nil
}

// measured asks CloudWatch for a metric's values of each minute since some time, the newest
// first, for each value of its dimension.
func (s *session) measured(ctx context.Context, namespace, metric, dimension string, of []string, statistic string, since time.Duration) (map[string][]float64, error) {
	if len(of) == 0 {
		return nil, nil
	}
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(s.now.Add(-since)), EndTime: aws.Time(s.now.Add(time.Minute)), ScanBy: cloudwatchtypes.ScanByTimestampDescending}
	for i, value := range of {
		in.MetricDataQueries = append(in.MetricDataQueries, cloudwatchtypes.MetricDataQuery{
			Id: aws.String(fmt.Sprint("m", i)),
			MetricStat: &cloudwatchtypes.MetricStat{Period: aws.Int32(60), Stat: &statistic, Metric: &cloudwatchtypes.Metric{
				Namespace: &namespace, MetricName: &metric,
				Dimensions: []cloudwatchtypes.Dimension{{Name: &dimension, Value: &value}},
			}},
		})
	}
	values := map[string][]float64{}
	pages := cloudwatch.NewGetMetricDataPaginator(cloudwatch.NewFromConfig(s.Config), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("ask CloudWatch for %s: %w", metric, err)
		}
		for _, r := range page.MetricDataResults {
			for i, value := range of {
				if aws.ToString(r.Id) == fmt.Sprint("m", i) {
					values[value] = append(values[value], r.Values...)
				}
			}
		}
	}
	return values, nil
}

// late counts the open requests of each queue, and finds the one that waits longest.
func (s *session) late(ctx context.Context, all []queueDepth) error {
	return everyOpen(ctx, s.requests, s.now, func(row lifecycle.Row) {
		url := s.work
		if worker := s.workers.Of(row.Action); worker != "" {
			url = s.workers[worker].Queue
		}
		for i := range all {
			if all[i].URL != url {
				continue
			}
			all[i].Open++
			if since, is := due(row, s.now); is {
				all[i].LateMS = max(all[i].LateMS, s.now.Sub(since).Milliseconds())
			}
		}
	})
}
