package main

import (
	"context"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The dashboard that the constructs render is read whole.
func TestParseReadsTheRealDashboard(t *testing.T) {
	body, err := os.ReadFile("../../dashboards/generated/overview.json")
	if err != nil {
		t.Fatal(err)
	}
	widgets, err := parse(body)
	if err != nil {
		t.Fatal(err)
	}
	titles, metrics := map[string]int{}, 0
	for _, w := range widgets {
		titles[w.title] = len(w.metrics())
		metrics += len(w.metrics())
	}
	if len(widgets[0].alarms) == 0 {
		t.Errorf("the first widget lists no alarms: %+v", widgets[0])
	}
	if titles["Requests accepted, answered and ended"] != 5 || metrics < 20 {
		t.Errorf("read %d metrics: %v", metrics, titles)
	}
	accepted := widgets[2].metrics()[0]
	if accepted.name != "RequestsAccepted" || accepted.stat != "Sum" || accepted.label != "accepted" || accepted.dimensions["Service"] == "" {
		t.Errorf("got %+v", accepted)
	}
}

func TestParseRefusesWhatIsNoBody(t *testing.T) {
	for _, body := range []string{`no`, `{"widgets":[{"properties":{"metrics":[["A",{},"B"]]}}]}`} {
		if _, err := parse([]byte(body)); err == nil {
			t.Errorf("%s was read", body)
		}
	}
}

// A line in the embedded metric format has a sample for each metric and set of dimensions.
func TestEmbedded(t *testing.T) {
	const logged = `{"Service":"S","Action":"a","RequestsCompleted":2,"RequestDuration":[100,900,500],"_aws":{"Timestamp":1,"CloudWatchMetrics":[{"Namespace":"Streamer","Dimensions":[["Service"],["Service","Action"]],"Metrics":[{"Name":"RequestsCompleted","Unit":"Count"},{"Name":"RequestDuration","Unit":"Milliseconds"}]}]}}`
	of, by := map[string]string{"Service": "S"}, map[string]string{"Service": "S", "Action": "a"}
	want := []sample{
		{"Streamer", "RequestsCompleted", of, []float64{2}}, {"Streamer", "RequestDuration", of, []float64{100, 900, 500}},
		{"Streamer", "RequestsCompleted", by, []float64{2}}, {"Streamer", "RequestDuration", by, []float64{100, 900, 500}},
	}
	if got := embedded([]byte(logged)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	for _, line := range []string{`{"msg":"CloudWatchMetrics"}`, `plain`} {
		if got := embedded([]byte(line)); got != nil {
			t.Errorf("%s has %+v", line, got)
		}
	}
}

func lines(metrics ...metric) (all []line) {
	for _, m := range metrics {
		all = append(all, line{metric: m})
	}
	return all
}

func TestRender(t *testing.T) {
	widgets := []widget{
		{title: "Is anything wrong?", alarms: []string{"arn:1", "arn:2", "arn:3"}},
		{title: "Requests", lines: lines(metric{namespace: "Streamer", label: "completed", stat: "Sum"}, metric{namespace: "Streamer", name: "RequestDuration", label: "p50", stat: "p50"}, metric{namespace: "AWS/SQS", label: "age", stat: "Maximum"})},
		{title: "A text"},
		{title: "Queues", lines: lines(metric{label: "depth"})},
		{title: "Function errors", lines: lines(metric{label: "router", stat: "Sum"}, metric{label: "processor", stat: "Sum"})},
	}
	alarms := map[string]alarm{"arn:1": {"dead letters", "ALARM"}, "arn:2": {"errors", "OK"}, "arn:3": {"waiting", "INSUFFICIENT_DATA"}}
	read := func(_ context.Context, metrics []metric) ([]value, error) {
		return map[int][]value{1: {{}}, 2: {{true, 0}, {}}, 3: {{true, 3}, {true, 1500}, {}}}[len(metrics)], nil
	}
	var out strings.Builder
	if err := render(context.Background(), &out, widgets, alarms, read); err != nil {
		t.Fatal(err)
	}
	want := "  Is anything wrong?                                  3 alarms   in alarm 1   without data yet 1   ALARM dead letters\n" +
		"  Requests                                            completed 3   p50 1.5 s   age –\n" +
		"  Queues                                              no numbers yet, or only AWS has them\n" +
		"  Function errors                                     none\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestTextHasAFittingUnit(t *testing.T) {
	for number, want := range map[float64]string{12: "12 ms", 1500: "1.5 s", float64(5 * time.Minute / time.Millisecond): "5.0 min"} {
		if got := text(metric{namespace: "Streamer", name: "QueueWait", stat: "p95"}, value{true, number}); got != want {
			t.Errorf("%v: got %s, want %s", number, got, want)
		}
	}
	if got := text(metric{namespace: "Streamer", name: "LiveConnections", stat: "Maximum"}, value{true, 1500}); got != "1500" {
		t.Errorf("connections: got %s", got)
	}
}
