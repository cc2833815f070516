package constructs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/contract"
)

// dropped is what the local stage takes and does nothing about, refuses, or has switched off
// because it speaks plain HTTP. No test there would miss it, so it is asserted here, for all
// resources that it is about, those that come later too.
var dropped = map[string]func(*testing.T, template){
	"time to live": func(t *testing.T, tpl template) {
		for _, table := range tpl.some(t, "AWS::DynamoDB::GlobalTable") {
			tpl.check(t, table, map[string]string{"TimeToLiveSpecification.Enabled": `true`})
		}
	},
	"point-in-time recovery": func(t *testing.T, tpl template) {
		for _, table := range tpl.some(t, "AWS::DynamoDB::GlobalTable") {
			tpl.check(t, table, map[string]string{
				"Replicas.0.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled": `true`, "Replicas.1": `null`,
			})
		}
	},
	"lifecycle of objects": func(t *testing.T, tpl template) {
		rules := jsonOf(t, at(tpl.Resources["Files"].Properties, "LifecycleConfiguration.Rules"))
		for _, want := range []string{`"ExpirationInDays":30,"Id":"expire-files","Prefix":"` + contract.FilesPrefix + `","Status":"Enabled"`, `"AbortIncompleteMultipartUpload":`} {
			if !strings.Contains(rules, want) {
				t.Errorf("the rules of Files lack %s: %s", want, rules)
			}
		}
	},
	"throttling": func(t *testing.T, tpl template) {
		for _, stage := range tpl.some(t, "AWS::ApiGatewayV2::Stage") {
			tpl.check(t, stage, map[string]string{
				"DefaultRouteSettings.ThrottlingRateLimit": `1000`, "DefaultRouteSettings.ThrottlingBurstLimit": `2000`,
			})
		}
	},
	"TLS alone": func(t *testing.T, tpl template) {
		const insecure = `{"Bool":{"aws:SecureTransport":"false"}}`
		for _, kind := range []struct{ resource, policy, of string }{
			{"AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues.0"}, {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"},
		} {
			for _, name := range tpl.some(t, kind.resource) {
				if !slices.ContainsFunc(tpl.some(t, kind.policy), func(policy string) bool {
					properties := tpl.Resources[policy].Properties
					statements, _ := at(properties, "PolicyDocument.Statement").([]any)
					return at(properties, kind.of) == "${"+name+"}" && slices.ContainsFunc(statements, func(s any) bool {
						return at(s, "Effect") == "Deny" && jsonOf(t, at(s, "Principal")) == `{"AWS":"*"}` &&
							strings.HasSuffix(at(s, "Action").(string), ":*") && jsonOf(t, at(s, "Condition")) == insecure &&
							list(at(s, "Resource"))[0] == "${"+name+".Arn}"
					})
				}) {
					t.Errorf("%s may be used without TLS", name)
				}
			}
		}
	},
	"who may invoke": func(t *testing.T, tpl template) {
		const gateway = "apigateway.amazonaws.com"
		type invocation struct{ service, function, source string }
		api := "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/"
		want := map[invocation]bool{}
		for _, route := range tpl.some(t, "AWS::ApiGatewayV2::Route") {
			properties := tpl.Resources[route].Properties
			integration := strings.Trim(strings.TrimPrefix(at(properties, "Target").(string), "integrations/"), "${}")
			want[invocation{gateway, invoked(at(tpl.Resources[integration].Properties, "IntegrationUri")), api + "*" + at(properties, "RouteKey").(string)}] = true
		}
		for _, authorizer := range tpl.some(t, "AWS::ApiGatewayV2::Authorizer") {
			want[invocation{gateway, invoked(at(tpl.Resources[authorizer].Properties, "AuthorizerUri")), api + "authorizers/${" + authorizer + "}"}] = true
		}
		for _, rule := range tpl.some(t, "AWS::Events::Rule") {
			want[invocation{"events.amazonaws.com", at(tpl.Resources[rule].Properties, "Targets.0.Arn").(string), "${" + rule + ".Arn}"}] = true
		}
		for _, name := range tpl.some(t, "AWS::Lambda::Permission") {
			p := tpl.Resources[name].Properties
			got := invocation{at(p, "Principal").(string), at(p, "FunctionName").(string), at(p, "SourceArn").(string)}
			if !want[got] || at(p, "Action") != "lambda:InvokeFunction" {
				t.Errorf("%s permits what nothing needs: %+v", name, got)
			}
			delete(want, got)
		}
		for lacking := range want {
			t.Errorf("nothing permits %+v", lacking)
		}
	},
	"permissions of event sources": func(t *testing.T, tpl template) {
		needs := map[string][]string{ // "Using AWS Lambda with Amazon SQS" and "with Amazon DynamoDB"
			"Arn":       {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"},
			"StreamArn": {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
		}
		for _, source := range tpl.some(t, "AWS::Lambda::EventSourceMapping") {
			function, from := tpl.source(source)
			_, attribute, _ := strings.Cut(strings.Trim(from, "${}"), ".")
			for _, action := range needs[attribute] {
				if !slices.Contains(tpl.allowed(t, function), action+" on "+from) {
					t.Errorf("%s: %s may not %s on %s", source, function, action, from)
				}
			}
		}
	},
	"destinations of failures": func(t *testing.T, tpl template) {
		for _, source := range tpl.some(t, "AWS::Lambda::EventSourceMapping") {
			function, from := tpl.source(source)
			if !strings.HasSuffix(from, ".StreamArn}") {
				continue // a queue has its own
			}
			destination, _ := at(tpl.Resources[source].Properties, "DestinationConfig.OnFailure.Destination").(string)
			if !slices.Contains(tpl.allowed(t, function), "sqs:SendMessage on "+destination) {
				t.Errorf("%s: %s may not send to the destination of its failures, %q", source, function, destination)
			}
		}
	},
	"retries of a stream": func(t *testing.T, tpl template) {
		for _, source := range tpl.some(t, "AWS::Lambda::EventSourceMapping") {
			if _, from := tpl.source(source); strings.HasSuffix(from, ".StreamArn}") {
				tpl.check(t, source, map[string]string{
					"MaximumRetryAttempts": `-1`, "MaximumRecordAgeInSeconds": `3600`, "BisectBatchOnFunctionError": `true`,
					"MaximumBatchingWindowInSeconds": `0`, "FunctionResponseTypes": `null`, "ParallelizationFactor": `null`,
				})
			}
		}
	},
	"permission to log and trace": func(t *testing.T, tpl template) {
		for _, name := range tpl.some(t, "AWS::Lambda::Function") {
			function := strings.TrimSuffix(name, "Function")
			tpl.check(t, name, map[string]string{"LoggingConfig.LogGroup": `"${` + function + `Logs}"`, "TracingConfig.Mode": `"Active"`})
			for _, permission := range everywhere(function) {
				if !slices.Contains(tpl.allowed(t, function), permission) {
					t.Errorf("%s may not %s", function, permission)
				}
			}
		}
	},
	"conditions, such as leading keys": func(t *testing.T, tpl template) {
		for _, policy := range tpl.some(t, "AWS::IAM::Policy") {
			if text := jsonOf(t, at(tpl.Resources[policy].Properties, "PolicyDocument")); strings.Contains(text, `"Condition"`) {
				t.Errorf("%s rests on a condition, which only an account checks: %s", policy, text)
			}
		}
	},
	"limits and fallbacks of functions": func(t *testing.T, tpl template) {
		for _, function := range tpl.some(t, "AWS::Lambda::Function") {
			tpl.check(t, function, map[string]string{
				"ReservedConcurrentExecutions": `null`, // a mapping would be throttled by it and receive in vain
				"DeadLetterConfig":             `null`, // the row is the truth
				"Architectures":                `["arm64"]`,
			})
		}
		if destinations := tpl.ofType("AWS::Lambda::EventInvokeConfig"); len(destinations) != 0 {
			t.Errorf("results of async invocations matter to nobody: %v", destinations)
		}
	},
	"answers of the router": func(t *testing.T, tpl template) {
		tpl.check(t, "ApidefaultRoute", map[string]string{"RouteResponseSelectionExpression": `"$default"`})
		tpl.check(t, "ApidefaultRouteResponse", map[string]string{"RouteId": `"${ApidefaultRoute}"`, "RouteResponseKey": `"$default"`})
	},
	"alarms": func(t *testing.T, tpl template) {
		for _, alarm := range tpl.some(t, "AWS::CloudWatch::Alarm") {
			properties := tpl.Resources[alarm].Properties
			if at(properties, "TreatMissingData") == nil || at(properties, "Dimensions.0") == nil && at(properties, "Metrics.1.MetricStat.Metric.Dimensions.0") == nil {
				t.Errorf("%s does not say what silence means, or of what it is: %s", alarm, jsonOf(t, properties))
			}
			tpl.check(t, alarm, map[string]string{"DatapointsToAlarm": `null`, "AlarmActions": `["arn:aws:sns:eu-west-1:111122223333:operators"]`})
		}
		tpl.check(t, "FunctionErrorsAlarm", map[string]string{"Metrics.0.Expression": `"SUM(FILL(METRICS(), 0))"`})
	},
	"objects deleted by a custom resource": func(t *testing.T, tpl template) {
		for name, r := range tpl.Resources {
			if strings.HasPrefix(r.Type, "Custom::") && r.Type != contract.StartCheck || r.Type == "AWS::CloudFormation::CustomResource" {
				t.Errorf("%s is %s, which the local stage never finishes", name, r.Type)
			}
		}
	},
}

func TestWhatTheLocalStageDrops(t *testing.T) {
	for _, stage := range []string{"dev", "prod"} {
		tpl := templateOf(t, deployable(t, stage, true))
		for what, check := range dropped {
			t.Run(stage+"/"+what, func(t *testing.T) { check(t, tpl) })
		}
	}
}

// some are the names of the resources of a type, of which there must be one.
func (tpl template) some(t *testing.T, resourceType string) []string {
	t.Helper()
	names := tpl.ofType(resourceType)
	if len(names) == 0 {
		t.Errorf("there is no %s", resourceType)
	}
	return names
}

// source tells what a mapping reads, and for which function.
func (tpl template) source(mapping string) (function, from string) {
	properties := tpl.Resources[mapping].Properties
	function, _, _ = strings.Cut(strings.TrimPrefix(at(properties, "FunctionName").(string), "${"), "Alias}")
	return function, at(properties, "EventSourceArn").(string)
}

// invoked is the function in a URI that invokes it.
func invoked(uri any) string {
	_, function, _ := strings.Cut(uri.(string), "functions/")
	return strings.TrimSuffix(function, "/invocations")
}
