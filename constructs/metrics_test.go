package constructs_test

import (
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

func TestMetricsThatAWSPublishes(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", nil)
		throttles := s.MetricFunctionThrottles(nil)
		if len(throttles) != 5 {
			t.Errorf("throttles of %d functions", len(throttles))
		}
		for name, metric := range map[string]awscloudwatch.Metric{
			"Throttles": throttles["router"], "Lag": s.MetricDispatcherLag(nil), "Messages": s.MetricMessages(nil),
			"Refused": s.MetricClientErrors(nil), "Unanswered": s.MetricIntegrationErrors(nil),
			"Broken": s.MetricExecutionErrors(nil), "Latency": s.MetricIntegrationLatency(nil),
		} {
			metric.CreateAlarm(stack, jsii.String(name), &awscloudwatch.CreateAlarmOptions{Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1)})
		}
	})
	tpl.check(t, "Throttles", map[string]string{
		"Metrics.0.MetricStat": `{"Metric":{"Dimensions":[{"Name":"FunctionName","Value":"${RouterFunction}"}],"MetricName":"Throttles","Namespace":"AWS/Lambda"},"Period":60,"Stat":"Sum"}`,
	})
	tpl.check(t, "Lag", map[string]string{
		"Namespace": `"AWS/Lambda"`, "MetricName": `"IteratorAge"`, "Statistic": `"Maximum"`, "Dimensions": `[{"Name":"FunctionName","Value":"${DispatcherFunction}"}]`,
	})
	for name, metric := range map[string]string{
		"Messages": `"MessageCount"`, "Refused": `"ClientError"`, "Unanswered": `"IntegrationError"`, "Broken": `"ExecutionError"`, "Latency": `"IntegrationLatency"`,
	} {
		tpl.check(t, name, map[string]string{
			"Namespace": `"AWS/ApiGateway"`, "MetricName": metric, "Period": `60`,
			"Dimensions": `[{"Name":"ApiId","Value":"${Api}"},{"Name":"Stage","Value":"v1"}]`,
		})
	}
}
