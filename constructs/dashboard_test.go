package constructs_test

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
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

// body is a dashboard as CloudWatch will get it, with names in place of references.
func (tpl template) body(t *testing.T, dashboard string) map[string]any {
	t.Helper()
	text, _ := at(tpl.Resources[dashboard].Properties, "DashboardBody").(string)
	var body map[string]any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return body
}

// shown is what the overview and the detail dashboard have.
func (tpl template) shown(t *testing.T) []any {
	t.Helper()
	var all []any
	for _, dashboard := range []string{"DashboardOverview", "DashboardDetail"} {
		all = append(all, tpl.body(t, dashboard)["widgets"].([]any)...)
	}
	return all
}

func TestDashboardsAreTheReviewedOnes(t *testing.T) {
	tpl := withDashboard(t, nil)
	for dashboard, golden := range map[string]string{"DashboardOverview": "overview.json", "DashboardDetail": "detail.json"} {
		rendered, err := json.MarshalIndent(tpl.body(t, dashboard), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		reviewed(t, filepath.Join("..", "dashboards", "generated", golden), append(rendered, '\n'))
	}
}

// reviewed holds what was made to a file that was looked at.
func reviewed(t *testing.T, golden string, made []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(golden), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, made, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(made) {
		t.Errorf("%s differs from the code: review the change, then run this test with -update\n%s", golden, differences(string(want), string(made)))
	}
}

func TestMetricsAreTheDocumentedOnes(t *testing.T) {
	var page strings.Builder
	page.WriteString("# Metrics\n\nStreamer's own metrics, in the CloudWatch namespace `" + contract.MetricNamespace + "`. Each has the dimension `" + contract.DimensionService +
		"`, the name of the requests table; those with more dimensions are also written with one of them beside it. `" + contract.DimensionTenant +
		"` has only the tenants that `StreamerProps.MeteredTenants` names. `StreamerConstruct` has a method for each, `MetricRequestsAccepted` and so on.\n\n" +
		"| metric | unit | also by | what one of it is |\n|---|---|---|---|\n")
	for _, m := range contract.Metrics {
		var by []string
		for _, d := range []struct {
			named bool
			name  string
		}{{m.By.Action, contract.DimensionAction}, {m.By.Code, contract.DimensionCode}, {m.By.Tenant, contract.DimensionTenant}} {
			if d.named {
				by = append(by, d.name)
			}
		}
		page.WriteString("| " + m.Name + " | " + string(m.Unit) + " | " + strings.Join(by, ", ") + " | " + m.Meaning + " |\n")
	}
	reviewed(t, filepath.Join("..", "dashboards", "generated", "METRICS.md"), []byte(page.String()))
}

// TestCatalogue: what is declared as a metric is in the catalogue, once, and has a method.
func TestCatalogue(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "internal", "contract", "metrics.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	for name, object := range file.Scope.Objects { //nolint:staticcheck // one file needs no more
		if object.Kind == ast.Var && strings.HasPrefix(name, "Metric") && name != "Metrics" {
			declared++
		}
	}
	names := map[string]bool{}
	for _, m := range contract.Metrics {
		names[m.Name] = true
		if _, has := reflect.TypeFor[*constructs.StreamerConstruct]().MethodByName("Metric" + m.Name); !has {
			t.Errorf("StreamerConstruct has no Metric%s", m.Name)
		}
		if m.Meaning == "" || m.Unit == "" {
			t.Errorf("%s lacks a unit or a meaning", m.Name)
		}
	}
	if len(names) != len(contract.Metrics) || declared != len(names) {
		t.Errorf("%d metrics are declared, %d are in the catalogue under %d names", declared, len(contract.Metrics), len(names))
	}
}

// search is a graph of all values of a dimension.
var search = regexp.MustCompile(`^SEARCH\('\{Streamer,Service,(Action|Code)\} MetricName="(\w+)" Service="\$\{Requests\}"', 'Sum'\)$`)

func TestDashboardsShowMetricsThatExist(t *testing.T) {
	written := map[string]contract.Metric{}
	for _, m := range contract.Metrics {
		written[m.Name] = m
	}
	shown := map[string]bool{}
	for _, context := range []map[string]any{nil, {contract.ContextLocal: localContext}} {
		for _, widget := range withDashboard(t, context).shown(t) {
			metrics, _ := at(widget, "properties.metrics").([]any)
			for _, m := range metrics {
				metric := m.([]any)
				if expression, is := metric[0].(map[string]any); is {
					found := search.FindStringSubmatch(expression["expression"].(string))
					if found == nil {
						continue // a sum of what is drawn beside it
					}
					m, known := written[found[2]]
					if by := map[string]bool{"Action": m.By.Action, "Code": m.By.Code}; !known || !by[found[1]] {
						t.Errorf("nobody writes %s by %s", found[2], found[1])
					}
					continue
				}
				if metric[0] != contract.MetricNamespace {
					continue
				}
				if _, known := written[metric[1].(string)]; !known {
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

// TestDashboardsDrawEveryAlarm on the graph that it guards.
func TestDashboardsDrawEveryAlarm(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		dashboards.New(stack, "Dashboard", constructs.NewStreamer(stack, "Streamer", withWorkers()))
	})
	drawn := map[string]int{} // by the metric, and what else tells them apart
	for _, widget := range tpl.shown(t) {
		lines, _ := at(widget, "properties.annotations.horizontal").([]any)
		if len(lines) > 0 {
			drawn[at(widget, "properties.title").(string)] += len(lines)
		}
	}
	want := map[string]int{
		"How long work waits": 1, "Function errors": 1, "dead letters: messages": 1, "undispatched: messages": 1,
		"processor of images: errors": 1, "processor of reports-2: errors": 1,
	}
	if !maps.Equal(drawn, want) {
		t.Errorf("drawn %v, want %v", drawn, want)
	}
	alarms := 0
	for _, r := range tpl.Resources {
		if r.Type == "AWS::CloudWatch::Alarm" {
			alarms++
		}
	}
	if alarms != len(want) {
		t.Errorf("%d alarms, %d are drawn", alarms, len(want))
	}
}

func TestDetailShowsEachFunctionAndQueue(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		dashboards.New(stack, "Dashboard", constructs.NewStreamer(stack, "Streamer", withWorkers()))
	})
	body := jsonOf(t, tpl.body(t, "DashboardDetail"))
	n := 0
	for name, r := range tpl.Resources {
		metric, dimension := "", "${"+name+"}"
		switch r.Type {
		case "AWS::Lambda::Function":
			metric = "Duration"
		case "AWS::SQS::Queue":
			metric, dimension = "ApproximateAgeOfOldestMessage", "${"+name+".QueueName}"
		default:
			continue
		}
		n++
		if !strings.Contains(body, `"`+metric+`"`) || !strings.Contains(body, `"`+dimension+`"`) {
			t.Errorf("%s of %s is not shown", metric, name)
		}
	}
	if n != 7+5 {
		t.Errorf("%d functions and queues", n)
	}
	// Whose runs crash is on the first page.
	overview := jsonOf(t, tpl.body(t, "DashboardOverview"))
	for name, r := range tpl.Resources {
		if r.Type == "AWS::Lambda::Function" && !strings.Contains(overview, `"Errors","FunctionName","${`+name+`}"`) {
			t.Errorf("the errors of %s are not in the overview", name)
		}
		if strings.HasSuffix(name, "ProcessorFunction") && !strings.Contains(overview, `"Duration","FunctionName","${`+name+`}"`) {
			t.Errorf("what %s costs is not in the overview", name)
		}
	}
}

// TestDashboardOfAnotherRegion: what is drawn there is measured where the Streamer is.
func TestDashboardOfAnotherRegion(t *testing.T) {
	app := newApp(t, nil)
	stack := inIreland(app)
	s := constructs.NewStreamer(stack, "Streamer", withWorkers())
	other := awscdk.NewStack(app, jsii.String("Watch"), &awscdk.StackProps{
		Env: &awscdk.Environment{Region: jsii.String("us-east-1")}, CrossRegionReferences: jsii.Bool(true),
	})
	dashboards.New(other, "Dashboard", s)
	for _, widget := range templateOf(t, other).shown(t) {
		if at(widget, "type") == "log" && at(widget, "properties.region") != "eu-west-1" {
			t.Errorf("logs are read in %v", at(widget, "properties.region"))
		}
		metrics, _ := at(widget, "properties.metrics").([]any)
		for _, m := range metrics {
			metric := m.([]any)
			options, _ := metric[len(metric)-1].(map[string]any)
			if sum, is := options["expression"].(string); is && !strings.HasPrefix(sum, "SEARCH") {
				continue // of what is drawn beside it
			}
			if options["region"] != "eu-west-1" {
				t.Errorf("%s: %v is looked for in %v", at(widget, "properties.title"), metric, options["region"])
			}
		}
	}
}

// TestCostOfX86: its Lambda has a price of its own.
func TestCostOfX86(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		dashboards.New(stack, "Dashboard", constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Architecture: awslambda.Architecture_X86_64()}))
	})
	// A GB-second is $0.0000166667, and the router a quarter of a GB, by the millisecond.
	if want := "FILL(router1, 0) * 0.000000004167"; !strings.Contains(jsonOf(t, tpl.body(t, "DashboardOverview")), want) {
		t.Errorf("no %s", want)
	}
}

func TestDashboardName(t *testing.T) {
	tpl := withDashboard(t, nil)
	for output, want := range map[string]string{
		contract.OutputDashboardName:       "${DashboardOverview}",
		contract.OutputDetailDashboardName: "${DashboardDetail}",
		contract.OutputDashboardURL:        "https://console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/${DashboardOverview}",
		contract.OutputDetailDashboardURL:  "https://console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}#dashboards/dashboard/${DashboardDetail}",
	} {
		if got := tpl.Outputs[output].Value; got != want {
			t.Errorf("output %s is %v, want %s", output, got, want)
		}
	}
	// In another region of the account the same app has others, which would replace these.
	for dashboard, end := range map[string]string{"DashboardOverview": `-${AWS::Region}"`, "DashboardDetail": `-${AWS::Region}-Detail"`} {
		if got := jsonOf(t, at(tpl.Resources[dashboard].Properties, "DashboardName")); !strings.HasPrefix(got, `"Test-Dashboard`) || !strings.HasSuffix(got, end) {
			t.Errorf("name %s", got)
		}
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
