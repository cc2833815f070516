package constructs_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/pay-theory/streamer/infra/release"
	"github.com/pay-theory/streamer/infra/stages"
	"github.com/pay-theory/streamer/internal/contract"
)

// stackNames are what deployable makes: the stages, and the stack of a release.
var stackNames = []string{"local", "dev", "prod", "release"}

// deployable is a stack as infra makes it, with our feature flags or with none. Each is
// made once, and nobody adds to it.
func deployable(t *testing.T, name string, flags bool) awscdk.Stack {
	t.Helper()
	key := fmt.Sprint(name, flags)
	if deployables[key] == nil {
		deployables[key] = newDeployable(t, name, flags)
	}
	return deployables[key]
}

var deployables = map[string]awscdk.Stack{}

func newDeployable(t *testing.T, name string, flags bool) awscdk.Stack {
	t.Helper()
	context := map[string]any{"stage": name, "alarmTopic": "arn:aws:sns:eu-west-1:111122223333:operators"}
	if name == "local" {
		context[contract.ContextLocal] = localContext
	} else {
		context["issuer"], context["audience"] = "https://id.example.com", "streamer"
	}
	app := newBareApp(context)
	if flags {
		app = newApp(t, context)
	}
	if name == "release" {
		return release.Add(app, release.Options{Version: "v1.2.3"})
	}
	stack, err := stages.Add(app, noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	return stack
}

// TestTemplatesAreTheReviewedOnes compares each template with a screen that a person can
// read, a line for each resource.
func TestTemplatesAreTheReviewedOnes(t *testing.T) {
	for _, name := range stackNames {
		golden := filepath.Join("..", "infra", "testdata", "stacks", name+".txt")
		screen := templateOf(t, deployable(t, name, true)).screen()
		reviewed(t, golden, []byte(screen))
	}
}

// differences are the lines that only one of two texts has.
func differences(want, got string) string {
	var out strings.Builder
	wanted, have := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range wanted {
		if !slices.Contains(have, line) {
			fmt.Fprintln(&out, "-", line)
		}
	}
	for _, line := range have {
		if !slices.Contains(wanted, line) {
			fmt.Fprintln(&out, "+", line)
		}
	}
	return out.String()
}

// unsaid is what a screen leaves out, of all resources and of those of a type; all else
// shows.
var unsaid = map[string][]string{
	"":                               {"Tags", "Description"}, // TestStages
	"AWS::ApiGatewayV2::Integration": {"ApiId", "IntegrationType"},
	"AWS::ApiGatewayV2::Route":       {"ApiId"},
	"AWS::CloudWatch::Alarm":         {"AlarmDescription", "OKActions"}, // TestAlarms
	"AWS::CloudWatch::Dashboard":     {"DashboardBody"},                 // TestDashboardIsTheReviewedOne
	"AWS::DynamoDB::GlobalTable":     {"AttributeDefinitions"},          // TestTables
	"AWS::IAM::Policy":               {"PolicyName"},
	"AWS::Lambda::Function":          {"Code", "Handler", "LoggingConfig", "Role"}, // TestFunctions
	"AWS::S3::BucketPolicy":          {"Bucket"},
	"Custom::StreamerStart":          {"Code", "ServiceTimeout", "Settings", "Version"}, // TestStartChecks
	"AWS::SQS::QueuePolicy":          {"Queues"},
}

// shorter are names that would fill the screen.
var shorter = strings.NewReplacer(
	"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/", "",
	"Alias}/invocations", "Alias}",
	"arn:${AWS::Partition}:", "arn:",
	":${AWS::Region}:${AWS::AccountId}:", "::",
)

// screen is the template with a line for each parameter, resource and output.
func (tpl template) screen() string {
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tpl.Parameters)) {
		p := tpl.Parameters[name]
		delete(p, "Description")
		fmt.Fprintf(&out, "<= %s %s\n", name, short("", p))
	}
	for _, name := range slices.Sorted(maps.Keys(tpl.Resources)) {
		r := tpl.Resources[name]
		properties, _ := r.Properties.(map[string]any)
		fmt.Fprintf(&out, "%s  %s", name, strings.TrimPrefix(r.Type, "AWS::"))
		if r.DeletionPolicy != "" {
			fmt.Fprintf(&out, " (%s)", r.DeletionPolicy)
		}
		for _, key := range slices.Sorted(maps.Keys(properties)) {
			if !slices.Contains(unsaid[""], key) && !slices.Contains(unsaid[r.Type], key) {
				fmt.Fprintf(&out, "  %s=%s", key, short(key, properties[key]))
			}
		}
		out.WriteByte('\n')
	}
	for _, name := range slices.Sorted(maps.Keys(tpl.Outputs)) {
		fmt.Fprintf(&out, "=> %s %s\n", name, short(name, tpl.Outputs[name].Value))
	}
	return shorter.Replace(neutral(out.String()))
}

// short is the value of a property, as short as can be.
func short(key string, value any) string {
	switch v := value.(type) {
	case map[string]any:
		switch {
		case v["Statement"] != nil:
			return shortPolicy(v["Statement"].([]any))
		case key == "Variables":
			return strings.Join(slices.Sorted(maps.Keys(v)), " ")
		case v["AttributeName"] != nil && v["KeyType"] != nil:
			return v["AttributeName"].(string)
		case v["MetricStat"] != nil:
			return v["Id"].(string)
		}
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+":"+short(key, v[key]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		var parts []string
		for _, inner := range v {
			parts = append(parts, short(key, inner))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

// shortPolicy lists what is allowed and denied, in whichever statements it stands.
func shortPolicy(statements []any) string {
	actions := map[string][]string{}
	for _, s := range statements {
		statement := s.(map[string]any)
		rest := maps.Clone(statement)
		maps.DeleteFunc(rest, func(key string, value any) bool {
			return key == "Action" || key == "Resource" || key == "Effect" && value == "Allow"
		})
		for _, resource := range list(statement["Resource"]) {
			var what string
			if resource != nil {
				what = " on " + short("", resource)
			}
			if len(rest) > 0 {
				what += " " + short("", rest)
			}
			for _, action := range list(statement["Action"]) {
				actions[what] = append(actions[what], fmt.Sprint(action))
			}
		}
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(actions)) {
		slices.Sort(actions[what])
		parts = append(parts, strings.Join(actions[what], ",")+what)
	}
	return "(" + strings.Join(parts, "; ") + ")"
}
