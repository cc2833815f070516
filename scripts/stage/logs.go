package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// followEvery is how often logs -f looks for new lines.
const followEvery = time.Second

// lateness is how far behind a later line's time may be: functions run side by side.
const lateness = 2 * time.Second

// event is one line that a function logged.
type event struct {
	Stream    string `json:"logStreamName"`
	Timestamp int64  `json:"timestamp"` // Unix milliseconds
	Message   string `json:"message"`
	group     string
	nth       int // among equal lines; MiniStack gives them no ids
}

// logs prints what the functions whose log group's name contains function have
// logged, oldest first, and goes on doing so until ctx ends if follow is set.
func logs(ctx context.Context, d dir, function string, follow bool, out io.Writer) error {
	s, up, err := d.readState(ctx)
	if err != nil {
		return err
	}
	if !up {
		return errNotUp
	}
	var since int64
	seen := map[event]bool{}
	for {
		events, err := readEvents(ctx, s.Front, function, since)
		if err != nil {
			return err
		}
		printed := 0
		for _, e := range events {
			if seen[e] {
				continue
			}
			seen[e] = true
			printed++
			since = max(since, e.Timestamp-lateness.Milliseconds())
			at := time.UnixMilli(e.Timestamp).Format("15:04:05.000")
			fmt.Fprintf(out, "%s %s %s\n", at, e.group, strings.TrimRight(e.Message, "\n"))
		}
		switch {
		case printed > 0: // there may be more: one answer holds so many lines only
			continue
		case !follow:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// readEvents returns the lines from since on of all matching log groups, by time.
func readEvents(ctx context.Context, front, function string, since int64) ([]event, error) {
	var groups struct {
		LogGroups []struct {
			Name string `json:"logGroupName"`
		} `json:"logGroups"`
	}
	if err := logsCall(ctx, front, "DescribeLogGroups", map[string]any{}, &groups); err != nil {
		return nil, err
	}
	var events []event
	for _, g := range groups.LogGroups {
		if !strings.Contains(strings.ToLower(g.Name), strings.ToLower(function)) {
			continue
		}
		var page struct{ Events []event }
		input := map[string]any{"logGroupName": g.Name, "startTime": since}
		if err := logsCall(ctx, front, "FilterLogEvents", input, &page); err != nil {
			return nil, err
		}
		count := map[event]int{}
		for _, e := range page.Events {
			e.group = g.Name[strings.LastIndex(g.Name, "/")+1:]
			count[e]++
			e.nth = count[e]
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return events, nil
}

func logsCall(ctx context.Context, front, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := call(ctx, "POST", front+"/", "logs", "Logs_20140328."+operation, body)
	if err != nil {
		return fmt.Errorf("read logs: %w", err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("read logs: %w", err)
	}
	return nil
}
