package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
)

// ingestion is how long X-Ray may take until it shows what it was sent.
const ingestion = 2 * time.Minute

// oneTrace makes a request a second until one of them was traced, and looks at its trace.
func oneTrace(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	began := time.Now()
	for i := range 20 { // Lambda traces the first of each second
		id, err := c.submit(ctx, fmt.Sprint("trace", i), "echo_async", `{"message":"trace","duration_ms":100,"steps":1}`)
		if err != nil {
			return answer{}, err
		}
		if _, err := c.end(ctx, id); err != nil {
			return answer{}, err
		}
		if err := wait(ctx, time.Second); err != nil {
			return answer{}, err
		}
	}
	client := xray.NewFromConfig(s.Config)
	for {
		found, err := client.GetTraceSummaries(ctx, &xray.GetTraceSummariesInput{
			StartTime: &began, EndTime: aws.Time(time.Now()), FilterExpression: aws.String(`annotation.streamer_status = "COMPLETED"`),
		})
		if err != nil {
			return answer{}, err
		}
		for _, summary := range found.TraceSummaries {
			got, err := client.BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: []string{*summary.Id}})
			if err != nil {
				return answer{}, err
			}
			if len(got.Traces) == 1 {
				var documents []string
				for _, segment := range got.Traces[0].Segments {
					documents = append(documents, aws.ToString(segment.Document))
				}
				return judge(documents)
			}
		}
		if time.Since(began) > 20*time.Second+ingestion {
			return answer{}, errors.New("no trace of a request has come to X-Ray: is tracing on, in every function?")
		}
		if err := wait(ctx, 10*time.Second); err != nil {
			return answer{}, err
		}
	}
}

// segment is a part of a trace as X-Ray gives it back: what was sent as a subsegment is within
// its parent.
type segment struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	ParentID    string    `json:"parent_id"`
	Subsegments []segment `json:"subsegments"`
}

// judge says whether the documents of a trace are a request as one tree.
func judge(documents []string) (answer, error) {
	ids, names, parents := map[string]bool{}, map[string]bool{}, map[string]string{}
	var walk func(segment)
	walk = func(s segment) {
		ids[s.ID], names[s.Name] = true, true
		if strings.HasPrefix(s.Name, "streamer.") {
			parents[s.Name] = s.ParentID
		}
		for _, below := range s.Subsegments {
			walk(below)
		}
	}
	for _, d := range documents {
		var s segment
		if err := json.Unmarshal([]byte(d), &s); err != nil {
			return answer{}, fmt.Errorf("read a segment: %w", err)
		}
		walk(s)
	}
	a := answer{seen: strings.Join(slices.Sorted(maps.Keys(names)), ", "), agrees: true}
	for _, name := range []string{"streamer.message", "put", "streamer.send", "streamer.queue", "streamer.attempt", "claim", "handler", "complete", "post"} {
		a.agrees = a.agrees && names[name]
	}
	for name, parent := range parents {
		if parent != "" && !ids[parent] {
			a.agrees = false
			a.seen += fmt.Sprintf("; %s hangs below %s, which is not there", name, parent)
		}
	}
	return a, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
