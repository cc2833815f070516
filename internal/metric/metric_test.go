package metric_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/metric"
)

// lines reads embedded metrics back and holds each line to the format's specification:
// every dimension and every metric that is declared stands in the line.
func lines(t *testing.T, out *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for text := range strings.Lines(out.String()) {
		var head struct {
			AWS struct {
				Timestamp         int64
				CloudWatchMetrics []struct {
					Namespace  string
					Dimensions [][]string
					Metrics    []struct{ Name, Unit string }
				}
			} `json:"_aws"`
		}
		members := map[string]any{}
		if err := errors.Join(json.Unmarshal([]byte(text), &head), json.Unmarshal([]byte(text), &members)); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if head.AWS.Timestamp != time.Now().UnixMilli() || len(head.AWS.CloudWatchMetrics) != 1 || head.AWS.CloudWatchMetrics[0].Namespace != "Streamer" {
			t.Fatalf("head of %s", text)
		}
		directive := head.AWS.CloudWatchMetrics[0]
		if len(directive.Metrics) == 0 || len(directive.Dimensions) == 0 {
			t.Errorf("nothing declared in %s", text)
		}
		for _, set := range directive.Dimensions {
			for _, name := range set {
				if _, isText := members[name].(string); !isText {
					t.Errorf("dimension %s is no text in %s", name, text)
				}
			}
		}
		units := map[string]any{}
		for _, m := range directive.Metrics {
			if _, there := members[m.Name]; !there {
				t.Errorf("metric %s is not in %s", m.Name, text)
			}
			units[m.Name] = m.Unit
		}
		delete(members, "_aws")
		members["units"] = units
		members["sets"] = len(directive.Dimensions)
		all = append(all, members)
	}
	return all
}

func TestFlushWritesOneLinePerAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &metric.Embedded{Service: "table", Out: &out}
		for range 40 {
			m.Count(contract.MetricPosts, "")
		}
		m.Count(contract.MetricGone, "")
		m.Count(contract.MetricCompleted, "echo")
		m.Duration(contract.MetricDuration, "echo", 1500*time.Millisecond)
		m.Duration(contract.MetricDuration, "echo", 2*time.Second)
		m.Duration(contract.MetricOldestOpen, "", 0)
		if out.Len() != 0 {
			t.Errorf("written before the end: %s", &out)
		}
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		want := []map[string]any{
			{
				"Service": "table", "FramesPosted": 40.0, "ConnectionsGone": 1.0, "OldestWaiting": []any{0.0}, "sets": 1,
				"units": map[string]any{"FramesPosted": "Count", "ConnectionsGone": "Count", "OldestWaiting": "Milliseconds"},
			},
			{
				"Service": "table", "Action": "echo", "RequestsCompleted": 1.0, "RequestDuration": []any{1500.0, 2000.0}, "sets": 2,
				"units": map[string]any{"RequestsCompleted": "Count", "RequestDuration": "Milliseconds"},
			},
		}
		if got := lines(t, &out); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}

		out.Reset()
		if err := m.Flush(); err != nil || out.Len() != 0 {
			t.Errorf("with nothing measured it wrote %q, err %v", &out, err)
		}
		m.Count(contract.MetricPosts, "")
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, &out); len(got) != 1 || got[0]["FramesPosted"] != 1.0 {
			t.Errorf("the next invocation's are %v", got)
		}
	})
}

func TestFlushSplitsManyValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &metric.Embedded{Service: "table", Out: &out}
		m.Count(contract.MetricAccepted, "a")
		for i := range 250 {
			m.Duration(contract.MetricQueueWait, "a", time.Duration(i)*time.Millisecond)
		}
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		var sizes []int
		accepted, next := 0, 0.0
		for _, line := range lines(t, &out) {
			values := line["QueueWait"].([]any)
			sizes = append(sizes, len(values))
			for _, v := range values {
				if v != next {
					t.Fatalf("value %v, want %v", v, next)
				}
				next++
			}
			if _, there := line["RequestsAccepted"]; there {
				accepted++
			}
		}
		if !slices.Equal(sizes, []int{100, 100, 50}) || accepted != 1 {
			t.Errorf("lines of %v values, the count in %d of them", sizes, accepted)
		}
	})
}

func TestRecordingConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &metric.Embedded{Service: "table", Out: &out}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 100 {
					m.Count(contract.MetricPosts, fmt.Sprint("a", i%2))
					m.Duration(contract.MetricDuration, "", time.Millisecond)
				}
			})
		}
		all.Wait()
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		posts, durations := 0.0, 0
		for _, line := range lines(t, &out) {
			n, _ := line["FramesPosted"].(float64)
			posts += n
			values, _ := line["RequestDuration"].([]any)
			durations += len(values)
		}
		if posts != 800 || durations != 800 {
			t.Errorf("%v posts and %d durations, want 800 of each", posts, durations)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestFlushTellsOfAWriteThatFailed(t *testing.T) {
	m := &metric.Embedded{Service: "table", Out: broken{}}
	m.Count(contract.MetricPosts, "")
	if err := m.Flush(); err == nil || !strings.Contains(err.Error(), "pipe is closed") {
		t.Errorf("err is %v", err)
	}
	if err := m.Flush(); err != nil {
		t.Errorf("what was lost is written again: %v", err)
	}
}

func TestNoneRecordsNothing(t *testing.T) {
	var r metric.Recorder = metric.None{}
	if n := testing.AllocsPerRun(10, func() { r.Count("a", "b"); r.Duration("a", "b", 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
