package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/resources"
)

// bridge makes metrics of what AWS would make them of and the local stage does not: the
// embedded metrics in the functions' logs, and the depth of queues. (Runs of functions,
// their errors and throttles the stage measures itself.) Its alarms are evaluated whenever
// that brings a metric. How far it came is kept as a metric
// too, so that nothing counts twice when another process goes on.
type bridge struct {
	cfg    aws.Config
	client *cloudwatch.Client
	stack  string

	mu     sync.Mutex
	groups []logs.Group
	queues map[string]string // names by URLs
	read   time.Time
}

const (
	markNamespace, markName = "Streamer/Bridge", "Read"
	// settled is how old a line must be: lines of one moment may come apart.
	settled = time.Second
	// mostData is how many values one call may bring ("PutMetricData").
	mostData = 1000
)

func newBridge(cfg aws.Config, stack string) *bridge {
	return &bridge{cfg: cfg, client: cloudwatch.NewFromConfig(cfg), stack: stack}
}

// fill takes what is new since the last time.
func (b *bridge) fill(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.groups == nil {
		if err := b.look(ctx); err != nil {
			return err
		}
	}
	until := time.Now().Add(-settled)
	if !until.After(b.read) {
		return nil
	}
	lines, err := logs.Read(ctx, b.cfg, b.groups, b.read.Add(time.Millisecond), "")
	if err != nil {
		return err
	}
	var data []datum
	for _, line := range lines {
		if !line.Time.After(until) {
			data = append(data, samplesOf(line)...)
		}
	}
	depths, err := b.depths(ctx)
	if err != nil {
		return err
	}
	data = append(data, depths...)
	data = append(data, datum{sample{markNamespace, markName, map[string]string{"Stack": b.stack}, []float64{float64(until.UnixMilli())}}, until})
	if err := b.put(ctx, data); err != nil {
		return err
	}
	b.read = until
	return nil
}

// look finds the stack's functions and queues, and how far a bridge has come before.
func (b *bridge) look(ctx context.Context) error {
	groups, err := logs.Groups(ctx, b.cfg, b.stack)
	if err != nil {
		return err
	}
	all, err := resources.Of(ctx, b.cfg, b.stack, "AWS::SQS::Queue")
	if err != nil {
		return err
	}
	queues := map[string]string{}
	for _, r := range all {
		queues[r.ID] = r.ID[strings.LastIndexByte(r.ID, '/')+1:]
	}
	mark := line{metric: metric{namespace: markNamespace, name: markName, dimensions: map[string]string{"Stack": b.stack}, stat: "Maximum"}}
	now := time.Now()
	found, err := (charts{client: b.client}).ask(ctx, []types.MetricDataQuery{{Id: aws.String("m"), MetricStat: mark.statistic(60)}}, now.Add(-24*time.Hour), now.Add(time.Minute))
	if err != nil {
		return err
	}
	for _, r := range found {
		if len(r.Values) > 0 {
			b.read = time.UnixMilli(int64(slices.Max(r.Values)))
		}
	}
	b.groups, b.queues = groups, queues
	return nil
}

// datum is a sample with its time.
type datum struct {
	sample
	at time.Time
}

// samplesOf are the measurements in one line of a function's log.
func samplesOf(e logs.Event) []datum {
	var data []datum
	for _, s := range embedded([]byte(e.Message)) {
		data = append(data, datum{s, e.Time})
	}
	return data
}

// depths are how many messages each queue has now.
func (b *bridge) depths(ctx context.Context) ([]datum, error) {
	client := sqs.NewFromConfig(b.cfg)
	var data []datum
	for url, name := range b.queues {
		out, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{
			sqstypes.QueueAttributeNameApproximateNumberOfMessages, sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		}})
		if err != nil {
			return nil, fmt.Errorf("look at queue %s: %w", name, err)
		}
		for metric, attribute := range map[string]sqstypes.QueueAttributeName{
			"ApproximateNumberOfMessagesVisible":    sqstypes.QueueAttributeNameApproximateNumberOfMessages,
			"ApproximateNumberOfMessagesNotVisible": sqstypes.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
		} {
			n, err := strconv.ParseFloat(out.Attributes[string(attribute)], 64)
			if err != nil {
				return nil, fmt.Errorf("look at queue %s: %w", name, err)
			}
			data = append(data, datum{sample{"AWS/SQS", metric, map[string]string{"QueueName": name}, []float64{n}}, time.Now()})
		}
	}
	return data, nil
}

func (b *bridge) put(ctx context.Context, data []datum) error {
	by := map[string][]types.MetricDatum{}
	for _, d := range data {
		var dimensions []types.Dimension
		for name, value := range d.dimensions {
			dimensions = append(dimensions, types.Dimension{Name: &name, Value: &value})
		}
		for _, value := range d.values {
			by[d.namespace] = append(by[d.namespace], types.MetricDatum{MetricName: &d.name, Dimensions: dimensions, Timestamp: &d.at, Value: &value})
		}
	}
	// The mark comes last: a bridge that dies before counts some twice rather than none.
	namespaces := []string{"AWS/SQS"}
	for namespace := range by {
		if namespace != markNamespace && !slices.Contains(namespaces, namespace) {
			namespaces = append(namespaces, namespace)
		}
	}
	for _, namespace := range append(namespaces, markNamespace) {
		for some := range slices.Chunk(by[namespace], mostData) {
			if _, err := b.client.PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &namespace, MetricData: some}); err != nil {
				return fmt.Errorf("put metric data: %w", err)
			}
		}
	}
	return nil
}
