package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/functions/dispatcher"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
)

// stream is the requests stream behind the dispatcher's filter: at least once, in
// batches, a batch again and again until the function takes it. Now and then a record is
// lost, as one is that was too old.
type stream struct {
	records []events.DynamoDBEventRecord
	busy    bool
}

// put takes a row as a write left it.
func (s *stream) put(w *world, row lifecycle.Row) {
	if row.Status != contract.StatusPending && row.Notice != contract.NoticeDue {
		return
	}
	if w.bug.recordsLost || w.chance(w.plan.recordLost) {
		w.saw("world record lost")
		w.note("stream", "loses the record of "+short(row.PK), "")
		w.forsake(row.PK)
		return
	}
	record := events.DynamoDBEventRecord{EventID: fmt.Sprint(len(w.lines)), Change: events.DynamoDBStreamRecord{
		Keys: map[string]events.DynamoDBAttributeValue{
			contract.PK: events.NewStringAttribute(row.PK), contract.SK: events.NewStringAttribute(row.SK),
		},
		NewImage: map[string]events.DynamoDBAttributeValue{contract.StatusAttribute: events.NewStringAttribute(string(row.Status))},
	}}
	s.records = append(s.records, record)
	if w.chance(w.plan.recordTwice) {
		w.saw("world record twice")
		s.records = append(s.records, record)
	}
	w.in(w.between(20*time.Millisecond, 250*time.Millisecond), func() { s.poll(w) })
}

// poll gives the dispatcher the next batch.
func (s *stream) poll(w *world) {
	if s.busy || len(s.records) == 0 {
		return
	}
	s.busy = true
	batch := s.records[:min(len(s.records), 1+w.dice.IntN(5))]
	again := func() {
		s.busy = false
		w.in(w.between(time.Second, 5*time.Second), func() { s.poll(w) })
	}
	w.start("dispatcher", 30*time.Second, func(ctx context.Context, p *process) func() {
		d := dispatcher.Dispatcher{Queue: work{p}, Metrics: metric.None{}, Log: w.log}
		err := d.Handle(ctx, events.DynamoDBEvent{Records: batch})
		return func() {
			if err != nil {
				again()
				return
			}
			s.busy = false
			s.records = s.records[len(batch):]
			s.poll(w)
		}
	}, again)
}
