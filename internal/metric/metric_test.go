package metric_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
		members["sets"] = fmt.Sprint(directive.Dimensions)
		all = append(all, members)
	}
	return all
}

func TestFlushWritesOneLineForAllWithTheSameLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &metric.Embedded{Service: "table", Tenants: []string{"acme"}, Out: &out}
		all := metric.Labels{Action: "echo", Code: "TIMEOUT", Tenant: "acme"}
		for range 40 {
			m.Add(contract.MetricPosts, all, 1)
		}
		m.Add(contract.MetricGone, metric.Labels{}, 2)
		m.Add(contract.MetricCompleted, all, 1)
		m.Add(contract.MetricFailed, all, 1)
		m.Add(contract.MetricCompleted, metric.Labels{Action: "echo", Tenant: "globex"}, 1)
		m.Value(contract.MetricDuration, all, 1500)
		m.Value(contract.MetricDuration, all, 2000)
		m.Value(contract.MetricOldestOpen, all, 0)
		if out.Len() != 0 {
			t.Errorf("written before the end: %s", &out)
		}
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		want := []map[string]any{
			{
				"Service": "table", "FramesPosted": 40.0, "ConnectionsGone": 2.0, "OldestWaiting": 0.0,
				"sets":  "[[Service]]",
				"units": map[string]any{"FramesPosted": "Count", "ConnectionsGone": "Count", "OldestWaiting": "Milliseconds"},
			},
			{
				"Service": "table", "Action": "echo", "RequestsCompleted": 1.0, // of a tenant that is not metered
				"sets":  "[[Service] [Service Action]]",
				"units": map[string]any{"RequestsCompleted": "Count"},
			},
			{
				"Service": "table", "Action": "echo", "Tenant": "acme", "RequestsCompleted": 1.0, "RequestDuration": 1500.0,
				"sets":  "[[Service] [Service Action] [Service Tenant]]",
				"units": map[string]any{"RequestsCompleted": "Count", "RequestDuration": "Milliseconds"},
			},
			{
				"Service": "table", "Action": "echo", "Tenant": "acme", "RequestDuration": 2000.0,
				"sets":  "[[Service] [Service Action] [Service Tenant]]",
				"units": map[string]any{"RequestDuration": "Milliseconds"},
			},
			{
				"Service": "table", "Action": "echo", "Code": "TIMEOUT", "Tenant": "acme", "RequestsFailed": 1.0,
				"sets":  "[[Service] [Service Action] [Service Code] [Service Tenant]]",
				"units": map[string]any{"RequestsFailed": "Count"},
			},
		}
		if got := lines(t, &out); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}

		out.Reset()
		if err := m.Flush(); err != nil || out.Len() != 0 {
			t.Errorf("with nothing measured it wrote %q, err %v", &out, err)
		}
		m.Add(contract.MetricPosts, metric.Labels{}, 1)
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, &out); len(got) != 1 || got[0]["FramesPosted"] != 1.0 {
			t.Errorf("the next invocation's are %v", got)
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
					m.Add(contract.MetricAccepted, metric.Labels{Action: fmt.Sprint("a", i%2)}, 1)
					m.Value(contract.MetricDuration, metric.Labels{}, 1)
				}
			})
		}
		all.Wait()
		if err := m.Flush(); err != nil {
			t.Fatal(err)
		}
		accepted, durations := 0.0, 0.0
		for _, line := range lines(t, &out) {
			n, _ := line["RequestsAccepted"].(float64)
			accepted += n
			ms, _ := line["RequestDuration"].(float64)
			durations += ms
		}
		if accepted != 800 || durations != 800 {
			t.Errorf("%v accepted and %v durations, want 800 of each", accepted, durations)
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestFlushTellsOfAWriteThatFailed(t *testing.T) {
	m := &metric.Embedded{Service: "table", Out: broken{}}
	m.Add(contract.MetricPosts, metric.Labels{}, 1)
	if err := m.Flush(); err == nil || !strings.Contains(err.Error(), "pipe is closed") {
		t.Errorf("err is %v", err)
	}
	if err := m.Flush(); err != nil {
		t.Errorf("what was lost is written again: %v", err)
	}
}

func TestNoneRecordsNothing(t *testing.T) {
	var r metric.Recorder = metric.None{}
	if n := testing.AllocsPerRun(10, func() {
		r.Add(contract.MetricPosts, metric.Labels{}, 1)
		r.Value(contract.MetricRunTime, metric.Labels{}, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
