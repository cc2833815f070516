package constructs_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
	"github.com/pay-theory/streamer/internal/contract"
)

var update = flag.Bool("update", false, "write the reviewed files anew")

func withDashboard(t *testing.T, context map[string]any) template {
	t.Helper()
	return synthStack(t, context, func(stack awscdk.Stack) {
		dashboards.New(stack, "Dashboard", constructs.NewStreamer(stack, "Streamer", nil)).Outputs(stack)
	})
}

// body is the dashboard as CloudWatch will get it, with names in place of references.
func (tpl template) body(t *testing.T) map[string]any {
	t.Helper()
	text, _ := at(tpl.Resources["DashboardOverview"].Properties, "DashboardBody").(string)
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return body
}

func TestDashboardIsTheReviewedOne(t *testing.T) {
	rendered, err := json.MarshalIndent(withDashboard(t, nil).body(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	rendered = append(rendered, '\n')
	golden := filepath.Join("..", "dashboards", "generated", "overview.json")
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, rendered, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	reviewed, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(reviewed) != string(rendered) {
		t.Errorf("%s differs from the code: review the change, then run this test with -update", golden)
	}
}

func TestDashboardShowsMetricsThatExist(t *testing.T) {
	written := map[string]bool{}
	for _, metric := range []string{
		contract.MetricConnected, contract.MetricDisconnected, contract.MetricAccepted, contract.MetricRefused,
		contract.MetricCompleted, contract.MetricFailed, contract.MetricCancelled, contract.MetricRetried,
		contract.MetricContinued, contract.MetricDuration, contract.MetricQueueWait, contract.MetricPosts, contract.MetricGone,
		contract.MetricPostDenied, contract.MetricPostTooLarge, contract.MetricBadHint, contract.MetricOldestOpen,
		contract.MetricHintsResent,
	} {
		written[metric] = true
	}
	shown := map[string]bool{}
	for _, context := range []map[string]any{nil, {contract.ContextLocal: localContext}} {
		for _, widget := range withDashboard(t, context).body(t)["widgets"].([]any) {
			metrics, _ := at(widget, "properties.metrics").([]any)
			for _, m := range metrics {
				metric := m.([]any)
				if _, expression := metric[0].(map[string]any); expression {
					t.Errorf("an expression: %v", metric)
					continue
				}
				if metric[0] != contract.MetricNamespace {
					continue
				}
				if !written[metric[1].(string)] {
					t.Errorf("nobody writes %s", metric[1])
				}
				if metric[2] != contract.DimensionService || metric[3] != "${Requests}" {
					t.Errorf("%s has the dimension %s %s", metric[1], metric[2], metric[3])
				}
				shown[metric[1].(string)] = true
			}
		}
	}
	for metric := range written {
		if !shown[metric] {
			t.Errorf("%s is written and not shown", metric)
		}
	}
}

func TestDashboardDrawsThresholds(t *testing.T) {
	drawn := 0
	for _, widget := range withDashboard(t, nil).body(t)["widgets"].([]any) {
		lines, _ := at(widget, "properties.annotations.horizontal").([]any)
		drawn += len(lines)
	}
	if drawn != 3 {
		t.Errorf("%d thresholds, want those of oldest waiting, dead letters and function errors", drawn)
	}
}

func TestDashboardShowsEachWorker(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		dashboards.New(stack, "Dashboard", constructs.NewStreamer(stack, "Streamer", withWorkers()))
	})
	shown := map[string]string{}
	for _, widget := range tpl.body(t)["widgets"].([]any) {
		title, _ := at(widget, "properties.title").(string)
		if rest, ok := strings.CutPrefix(title, "Worker "); ok {
			shown[rest] = jsonOf(t, at(widget, "properties"))
		}
	}
	for title, want := range map[string][]string{
		"images: how old its work is":            {`"ApproximateAgeOfOldestMessage","QueueName","${WorkersimagesWork.QueueName}"`},
		"images: work waiting and under work":    {`"ApproximateNumberOfMessagesVisible"`, `"ApproximateNumberOfMessagesNotVisible","QueueName","${WorkersimagesWork.QueueName}"`},
		"images: function errors":                {`"Errors","FunctionName","${WorkersimagesProcessorFunction}"`, `"annotations"`},
		"reports-2: how old its work is":         {`${Workersreports2Work.QueueName}`},
		"reports-2: work waiting and under work": {`${Workersreports2Work.QueueName}`},
		"reports-2: function errors":             {`${Workersreports2ProcessorFunction}`},
	} {
		for _, text := range want {
			if !strings.Contains(shown[title], text) {
				t.Errorf("%s lacks %s: %s", title, text, shown[title])
			}
		}
	}
	if len(shown) != 6 {
		t.Errorf("widgets of workers: %d", len(shown))
	}
}

func TestDashboardName(t *testing.T) {
	tpl := withDashboard(t, nil)
	if got := tpl.Outputs[contract.OutputDashboardName].Value; got != "${DashboardOverview}" {
		t.Errorf("output %v", got)
	}
	if got := jsonOf(t, at(tpl.Resources["DashboardOverview"].Properties, "DashboardName")); !strings.HasPrefix(got, `"Test-Dashboard`) {
		t.Errorf("name %s", got)
	}
}

func TestMetricOfOneAction(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", nil)
		options := &awscloudwatch.MetricOptions{
			DimensionsMap: &map[string]*string{constructs.ActionDimension: jsii.String("echo")},
			Statistic:     awscloudwatch.Stats_Percentile(jsii.Number(99)),
		}
		s.MetricRequestDuration(options).CreateAlarm(stack, jsii.String("Slow"), &awscloudwatch.CreateAlarmOptions{
			Threshold: jsii.Number(1000), EvaluationPeriods: jsii.Number(1),
		})
		if options.Period != nil || len(*options.DimensionsMap) != 1 {
			t.Errorf("the caller's options were changed: %v", options)
		}
	})
	tpl.check(t, "Slow", map[string]string{
		"MetricName": `"RequestDuration"`, "ExtendedStatistic": `"p99"`, "Period": `60`,
		"Dimensions": `[{"Name":"Action","Value":"echo"},{"Name":"Service","Value":"${Requests}"}]`,
	})
}
