package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/cost"
)

// The request of the tables: what scripts/cost takes for one.
var usual = cost.Workload{Duration: 10 * time.Second, Frames: 20, Watchers: 1, Payload: 150, Result: 300, MemoryMB: 1024, Queues: 1, Actions: 3, Rate: 10}

// total is how many calls an operation makes.
func total(operation string) (n float64) {
	for _, calls := range cost.Calls[operation] {
		n += calls
	}
	return n
}

// compared sets our counts beside those of a comparable system, and what cannot be gone below.
// It also measures, since one of its rows is a time.
func compared(ctx context.Context, s *stage) (string, error) {
	took, err := s.fifty(ctx)
	if err != nil {
		return "", err
	}
	t := newTable("calls to AWS", "theirs", "ours", "floor", "why not less")
	t.row("connect", 3, total("connect"), 1, "who is connected, and until when, is looked up by others")
	t.row("disconnect", 5, total("disconnect"), 1, "an expiry would do it for nothing, up to two days late: live connections could not be counted")
	t.row("sync echo", 2, total("echo"), 0, "the answer is what the route returns")
	t.row("async request, its last frame included", 12, total("async"), 5, "accept, hint, claim, outcome, last frame; ours holds the message too, or work longer than the queue's visibility would run twice")
	t.row("each progress frame", 3, 1, 1, "one post for each watcher; storing it is shared by all frames of two seconds")
	t.row("invocations of an async request", 3, 3, 3, "router, dispatcher, processor; a record of the stream or a message of the queue each need one that reads them")
	t.row("50 requests of 5 s at once, s until the last has ended", 272, fmt.Sprintf("%.1f", took.Seconds()), 5, "the work itself")
	return t.String() + "\nTheirs is the open-source system of the same shape, as measured before; it was not run here. Ours are the counts of\n" +
		"[calls.json](../internal/cost/calls.json), to which `integ.TestFigures` holds the stage, and the last row was measured in this run.\n", nil
}

// calls are those of each operation and its units in DynamoDB, which are computed: the
// emulator tells of reads what they are not.
func calls(context.Context, *stage) (string, error) {
	t := newTable("operation", "calls", "of which", "write units", "read units")
	small, beside, large := usual, usual, usual
	for _, w := range []*cost.Workload{&small, &beside, &large} {
		w.Duration, w.Frames = 0, 0
	}
	beside.Payload, large.Payload, large.Result = 1000, 26_000, 26_000
	connect := usual.Connect()
	for _, o := range []struct {
		name string
		bill cost.Bill
	}{
		{"connect", connect}, {"disconnect", connect}, {"echo", usual.SyncRequest()}, {"ping", cost.Bill{}},
		{"async", small.Request()}, {"async, payload beside the row", beside.Request()}, {"async, payload and result in S3", large.Request()},
	} {
		writes := o.bill.Quantity(cost.DynamoWrite)
		if o.name == "connect" || o.name == "disconnect" { // one bill for both, a write each
			writes /= 2
		}
		var parts []string
		for _, call := range slices.Sorted(maps.Keys(cost.Calls[o.name])) {
			_, name, _ := strings.Cut(call, ".")
			parts = append(parts, fmt.Sprintf("%s %v", name, cost.Calls[o.name][call]))
		}
		t.row(o.name, total(o.name), strings.Join(parts, ", "), writes, o.bill.Quantity(cost.DynamoRead))
	}
	where := small.TableWrites()
	var split []string
	for _, index := range slices.Sorted(maps.Keys(where)) {
		name := "the table"
		if index != "" {
			name = "`" + index + "`"
		}
		split = append(split, fmt.Sprintf("%v to %s", where[index], name))
	}
	return t.String() + fmt.Sprintf("\nAn async request's last frame is among its calls; each progress frame is a post more for each watcher, and a pulse, every 2 s\n"+
		"while something changes, an update and a write unit. Of an async request's write units %s. Units are computed from item sizes.\n", strings.Join(split, ", ")), nil
}

func costs(context.Context, *stage) (string, error) {
	t := newTable("", "US dollars")
	for _, line := range []struct {
		what string
		bill cost.Bill
	}{
		{"1,000,000 requests of 10 s, 20 progress frames each", usual.Request().Times("", 1e6)},
		{"1,000,000 sync requests", usual.SyncRequest().Times("", 1e6)},
		{"1,000,000 connects, with their disconnects", usual.Connect().Times("", 1e6)},
		{"one progress frame more", usual.Frame()},
		{"one connection for an hour", usual.ConnectionHour()},
		{"a month in which nothing happens", usual.Idle()},
	} {
		t.row(line.what, fmt.Sprintf("%.4g", line.bill.Total()))
	}
	return t.String() + "\nComputed by package cost, list prices without free tiers; `make cost` has each line and its assumptions.\n", nil
}

// wire counts what a client sends and receives.
func wire(ctx context.Context, s *stage) (string, error) {
	c, err := dial(ctx, s.socket)
	if err != nil {
		return "", err
	}
	defer c.close()
	t := newTable("operation", "bytes sent", "bytes received", "frames")
	for _, o := range []struct {
		name string
		do   func() error
	}{
		{"ping", func() error { _, err := c.ask(ctx, message{Action: "streamer.ping"}); return err }},
		{"echo of " + fmt.Sprint(len(mustJSON(echo.Payload))) + " bytes", func() error { _, err := c.ask(ctx, echo); return err }},
		{"async, no progress but its one step", func() error { return finish(ctx, c, async(0, 1)) }},
		{"async, 10 steps", func() error { return finish(ctx, c, async(500*time.Millisecond, 10)) }},
	} {
		c.sent, c.received, c.messages = 0, 0, 0
		if err := o.do(); err != nil {
			return "", fmt.Errorf("%s: %w", o.name, err)
		}
		t.row(o.name, c.sent, c.received, c.messages)
	}
	return t.String() + "\nPayloads of WebSocket messages; a frame of WebSocket adds 2 to 8 bytes, and 4 where a client sends.\n", nil
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is a constant
	}
	return text
}
