// Package dispatcher turns records of the requests stream into hints on the work queue.
package dispatcher

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/queue"
)

// Sender puts hints into the work queues of their actions.
type Sender interface {
	Send(ctx context.Context, hints []queue.Hint) error
}

// Dispatcher sends a hint for each record that shows a request waiting. The stream's
// filter lets only those through; a record that comes twice gives a second hint, which is
// harmless.
type Dispatcher struct {
	Queue   Sender
	Metrics metric.Recorder
	Log     *slog.Logger
}

// Handle is the function's entry. An error makes the stream deliver the whole batch
// again. A record that nobody can read is logged, counted and skipped: it must not hold
// up those behind it, and the reconciler finds its request by the row.
func (d Dispatcher) Handle(ctx context.Context, ev events.DynamoDBEvent) error {
	hints := make([]queue.Hint, 0, len(ev.Records))
	for _, record := range ev.Records {
		hint, err := read(record)
		if err != nil {
			d.Metrics.Add(contract.MetricBadHint, metric.Labels{}, 1)
			d.Log.ErrorContext(ctx, "stream record skipped", "event", record.EventID, "error", err)
			continue
		}
		hints = append(hints, hint)
	}
	if err := d.Queue.Send(ctx, hints); err != nil {
		return err
	}
	d.Log.InfoContext(ctx, "dispatched", "records", len(ev.Records), "requests", ids(hints))
	return nil
}

// ids are named in the log, so that a request can be followed through it.
func ids(hints []queue.Hint) (requests []string) {
	for _, h := range hints {
		requests = append(requests, h.Key.ID)
	}
	return requests
}

func read(record events.DynamoDBEventRecord) (queue.Hint, error) {
	pk, ok := record.Change.Keys[contract.PK]
	if !ok || pk.DataType() != events.DataTypeString {
		return queue.Hint{}, fmt.Errorf("no key %s", contract.PK)
	}
	key, err := lifecycle.ParsePK(pk.String())
	if err != nil {
		return queue.Hint{}, err
	}
	return queue.Hint{Key: key, Action: text(record, "action"), Trace: text(record, "trace")}, nil
}

// text is an attribute of the row as the record shows it, "" if it is not there.
func text(record events.DynamoDBEventRecord, attribute string) string {
	value, ok := record.Change.NewImage[attribute]
	if !ok || value.DataType() != events.DataTypeString {
		return ""
	}
	return value.String()
}
