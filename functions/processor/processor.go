// Package processor takes messages from the work queue and lets the engine do what they
// ask for.
package processor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/tracing"
)

// Deliverer does what one message asks for; see executor.Executor.Deliver.
type Deliverer interface {
	Deliver(ctx context.Context, d executor.Delivery) error
}

// Processor is the function behind the work queue.
type Processor struct {
	Executor Deliverer
	Metrics  metric.Recorder
	Log      *slog.Logger
}

// Handle is the function's entry. The messages that must stay in the queue are returned
// as failures; the list is empty, never null, when there are none.
func (p Processor) Handle(ctx context.Context, ev events.SQSEvent) (events.SQSEventResponse, error) {
	out := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}}
	for _, m := range ev.Records {
		if err := p.deliver(ctx, m); err != nil {
			out.BatchItemFailures = append(out.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: m.MessageId})
		}
	}
	return out, nil
}

func (p Processor) deliver(ctx context.Context, m events.SQSMessage) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.Log.ErrorContext(ctx, "processor panicked", "message", m.MessageId, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = executor.ErrKeep
		}
	}()
	key, err := queue.Decode(m.Body)
	if err != nil {
		p.Metrics.Add(contract.MetricBadHint, metric.Labels{}, 1)
		p.Log.ErrorContext(ctx, "message dropped: nobody can read it", "message", m.MessageId, "error", err)
		return nil
	}
	ctx = tracing.Under(logging.About(ctx, "request", key.ID, "tenant", key.Tenant), m.Attributes["AWSTraceHeader"])
	d := executor.Delivery{Key: key, Message: m.MessageId, Handle: m.ReceiptHandle, Owner: m.MessageId, Sent: sent(m)}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		d.Owner = lc.AwsRequestID
	}
	err = p.Executor.Deliver(ctx, d)
	if err != nil && !errors.Is(err, executor.ErrKeep) {
		p.Log.ErrorContext(ctx, "message not done", "message", m.MessageId, "error", err)
		return err
	}
	p.Log.InfoContext(ctx, "message done", "message", m.MessageId, "kept", err != nil, "why", why(err))
	return err
}

// sent is when a message was sent, if it is delivered for the first time.
func sent(m events.SQSMessage) time.Time {
	at, err := strconv.ParseInt(m.Attributes["SentTimestamp"], 10, 64)
	if err != nil || m.Attributes["ApproximateReceiveCount"] != "1" {
		return time.Time{}
	}
	return time.UnixMilli(at)
}

// why says what kept a message, beyond that it was kept.
func why(err error) string {
	if err == nil || err == executor.ErrKeep {
		return ""
	}
	return err.Error()
}
