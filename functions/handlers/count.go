package handlers

import (
	"context"
	"fmt"
	"time"

	"github.com/pay-theory/streamer"
)

// Bounds and default of Count.
const (
	// MaxCountDuration is the longest count, in milliseconds: twenty minutes, which is
	// more than one function can do.
	MaxCountDuration = 1_200_000
	// MaxCount is how far it goes.
	MaxCount = 100_000
	// MaxCountTick is the longest tick, in milliseconds: one must fit into what is left of
	// a function.
	MaxCountTick = 60_000

	defaultTick = 1_000
	// saveEvery is how much counting may have to be done again.
	saveEvery = time.Second
)

// Count is the sample that outlives its function: it counts, one per tick, and goes on in
// another function from where it was.
var Count = streamer.Action[CountIn, CountOut]{Name: "count", Async: true}

// CountIn is the payload of Count.
type CountIn struct {
	// To is how far to count, 1 to MaxCount.
	To int `json:"to"`
	// TickMS is the time for each, 0 to MaxCountTick milliseconds; 1,000 if it is absent. All
	// of them together may take MaxCountDuration.
	TickMS *int `json:"tick_ms,omitempty"`
}

// CountOut is the result of Count.
type CountOut struct {
	Count int `json:"count"`
	// Runs is how many functions it took, those that died included.
	Runs int `json:"runs"`
	// Began is when the first of them began, in Unix milliseconds.
	Began int64 `json:"began"`
}

// Validate fills in the default and refuses what is out of bounds.
func (in *CountIn) Validate() error {
	if in.TickMS == nil {
		in.TickMS = new(defaultTick)
	}
	switch {
	case in.To < 1 || in.To > MaxCount:
		return streamer.Invalid("to", "%d is not 1 to %d", in.To, MaxCount)
	case *in.TickMS < 0 || *in.TickMS > MaxCountTick:
		return streamer.Invalid("tick_ms", "%d is not 0 to %d milliseconds", *in.TickMS, MaxCountTick)
	case in.To**in.TickMS > MaxCountDuration:
		return streamer.Invalid("tick_ms", "%d times %d milliseconds is over %d", in.To, *in.TickMS, MaxCountDuration)
	}
	return nil
}

// CountHandler does Count. Its state is what its result would be if it ended now. That it
// begins is an effect which it has once, however many functions it takes.
func CountHandler(ctx context.Context, req *streamer.Request[CountIn], r streamer.Reporter[CountOut]) error {
	at, _, err := streamer.Restore[CountOut](ctx)
	if err != nil {
		return err
	}
	at.Runs++
	at.Began, err = streamer.Once(ctx, "begin", func(context.Context) (int64, error) { return time.Now().UnixMilli(), nil })
	if err != nil {
		return err
	}
	if err := streamer.Checkpoint(ctx, at); err != nil {
		return err
	}
	to, tick := req.Payload.To, time.Duration(*req.Payload.TickMS)*time.Millisecond
	saved := time.Now()
	for next := saved.Add(tick); at.Count < to; next = next.Add(tick) {
		if err := sleepUntil(ctx, next); err != nil {
			return err
		}
		at.Count++
		r.Report(100*float64(at.Count)/float64(to), fmt.Sprintf("Counted %d of %d", at.Count, to))
		if time.Since(saved) < saveEvery {
			continue
		}
		if err := streamer.Checkpoint(ctx, at); err != nil {
			return err
		}
		saved = time.Now()
	}
	return r.Complete(at)
}
