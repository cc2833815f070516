package constructs_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

func attributes() *constructs.StreamerAttributes {
	return &constructs.StreamerAttributes{
		WebSocketURL: "wss://stream.example.com/shop", CallbackURL: "https://abc123.execute-api.eu-west-1.amazonaws.com/v1",
		ConnectionsTableName: "connections", RequestsTableName: "requests", FilesBucketName: "files",
		WorkQueueURL:       "https://sqs.eu-west-1.amazonaws.com/111122223333/work",
		DeadLetterQueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/dead",
	}
}

// inNames replaces the references to resources of a stack by the names of attributes().
var inNames = strings.NewReplacer(
	"${Requests.Arn}", "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/requests",
	"${Connections.Arn}", "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/connections",
	"${Files.Arn}", "arn:${AWS::Partition}:s3:::files",
	"${Api}", "abc123",
)

// TestGrantsOfAnImportedStreamer: they are those of one that was made here.
func TestGrantsOfAnImportedStreamer(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.StreamerFromAttributes(stack, "Streamer", attributes())
		for name, g := range grants {
			g.grant(s, newCaller(stack, name))
		}
		if *s.WebSocketURL() != "wss://stream.example.com/shop" || *s.Node().Path() != "Test/Streamer" {
			t.Errorf("got %s at %s", *s.WebSocketURL(), *s.Node().Path())
		}
	})
	for name, g := range grants {
		want := []string{}
		for _, permission := range g.want {
			want = append(want, inNames.Replace(permission))
		}
		compare(t, name, tpl.allowedBy(t, name+"DefaultPolicy"), want)
	}
	if others := len(tpl.Resources) - 2*len(grants); others != 0 {
		t.Errorf("it added %d resources: %v", others, slices.Collect(maps.Keys(tpl.Resources)))
	}
}

// TestIStreamerHasAll: what an imported Streamer can do is in the interface.
func TestIStreamerHasAll(t *testing.T) {
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
	imported := reflect.TypeOf(constructs.StreamerFromAttributes(stack, "Streamer", attributes()))
	promised := reflect.TypeFor[constructs.IStreamer]()
	for i := range imported.NumMethod() {
		method := imported.Method(i).Name
		if _, found := promised.MethodByName(method); !found {
			t.Errorf("IStreamer lacks %s", method)
		}
	}
}

func TestMetricsOfAnImportedStreamer(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		known := attributes()
		known.FunctionNames = map[string]string{"router": "shop-router", "dispatcher": "shop-dispatcher"}
		known.Workers = map[string]constructs.WorkerAttributes{"images": {QueueURL: "https://sqs.eu-west-1.amazonaws.com/111122223333/images", ProcessorName: "shop-images"}}
		s := constructs.StreamerFromAttributes(stack, "Streamer", known)
		worker, errors := s.WorkerMetrics()["images"], s.MetricFunctionErrors(nil)
		if len(errors) != 2 || len(s.MetricFunctionThrottles(nil)) != 2 {
			t.Errorf("errors of %d functions are measured", len(errors))
		}
		for name, metric := range map[string]awscloudwatch.Metric{
			"Errors": errors["router"], "Lag": s.MetricDispatcherLag(nil), "WorkerErrors": worker.MetricErrors(nil), "WorkerDepth": worker.MetricQueueDepth(nil),
			"Failed": s.MetricRequestsFailed(nil), "Refused": s.MetricClientErrors(nil),
			"Depth": s.MetricWorkQueueDepth(nil), "Dead": s.MetricDeadLetters(nil),
		} {
			metric.CreateAlarm(stack, jsii.String(name), &awscloudwatch.CreateAlarmOptions{Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1)})
		}
	})
	tpl.check(t, "Failed", map[string]string{"Namespace": `"Streamer"`, "Dimensions": `[{"Name":"Service","Value":"requests"}]`})
	tpl.check(t, "Refused", map[string]string{
		"Namespace": `"AWS/ApiGateway"`, "MetricName": `"ClientError"`,
		"Dimensions": `[{"Name":"ApiId","Value":"abc123"},{"Name":"Stage","Value":"v1"}]`,
	})
	tpl.check(t, "Errors", map[string]string{ // with a label
		"Metrics.0.MetricStat.Metric.Namespace": `"AWS/Lambda"`, "Metrics.0.MetricStat.Metric.Dimensions": `[{"Name":"FunctionName","Value":"shop-router"}]`,
	})
	tpl.check(t, "Lag", map[string]string{"MetricName": `"IteratorAge"`, "Dimensions": `[{"Name":"FunctionName","Value":"shop-dispatcher"}]`})
	tpl.check(t, "WorkerErrors", map[string]string{"MetricName": `"Errors"`, "Dimensions": `[{"Name":"FunctionName","Value":"shop-images"}]`})
	tpl.check(t, "WorkerDepth", map[string]string{"Dimensions": `[{"Name":"QueueName","Value":"images"}]`})
	tpl.check(t, "Depth", map[string]string{"Dimensions": `[{"Name":"QueueName","Value":"work"}]`})
	tpl.check(t, "Dead", map[string]string{"Dimensions": `[{"Name":"QueueName","Value":"dead"}]`})
}

// TestImportOfExports: the attributes may be known to CloudFormation alone.
func TestImportOfExports(t *testing.T) {
	imported := func(name string) string { return *awscdk.Fn_ImportValue(jsii.String(name)) }
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.StreamerFromAttributes(stack, "Streamer", &constructs.StreamerAttributes{
			WebSocketURL: imported("a"), CallbackURL: imported("b"), ConnectionsTableName: imported("c"), RequestsTableName: imported("d"),
			FilesBucketName: imported("e"), WorkQueueURL: imported("f"), DeadLetterQueueURL: imported("g"),
			EncryptionKey: awskms.Key_FromKeyArn(stack, jsii.String("Key"), jsii.String("arn:aws:kms:eu-west-1:111122223333:key/one")),
		})
		s.GrantConnect(newCaller(stack, "Caller"))
		s.GrantRead(newCaller(stack, "Reader"))
		s.MetricWorkQueueDepth(nil).CreateAlarm(stack, jsii.String("Depth"), &awscloudwatch.CreateAlarmOptions{Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1)})
	})
	if got := jsonOf(t, tpl.Resources["CallerDefaultPolicy"].Properties); !strings.Contains(got,
		`:map[Fn::Select:[0 map[Fn::Split:[. map[Fn::Select:[2 map[Fn::Split:[/ map[Fn::ImportValue:b]]]]]]]]]/map[Fn::Select:[3 map[Fn::Split:[/ map[Fn::ImportValue:b]]]]]/$connect"`) {
		t.Error(got)
	}
	tpl.check(t, "Depth", map[string]string{"Dimensions.0.Value": `{"Fn::Select":[4,{"Fn::Split":["/",{"Fn::ImportValue":"f"}]}]}`})
	if got := tpl.allowedBy(t, "ReaderDefaultPolicy"); !slices.Contains(got, "kms:Decrypt on arn:aws:kms:eu-west-1:111122223333:key/one") {
		t.Errorf("the key is not granted: %v", got)
	}
}

// TestImportOnTheLocalStage: its addresses are others.
func TestImportOnTheLocalStage(t *testing.T) {
	tpl := synthStack(t, map[string]any{contract.ContextLocal: localContext}, func(stack awscdk.Stack) {
		attributes := attributes()
		attributes.CallbackURL = "http://127.0.0.1:4566/_aws/execute-api/abc123/v1"
		attributes.WorkQueueURL = "http://127.0.0.1:4566/000000000000/work"
		s := constructs.StreamerFromAttributes(stack, "Streamer", attributes)
		s.GrantConnect(newCaller(stack, "Connect"))
		s.MetricWorkQueueDepth(nil).CreateAlarm(stack, jsii.String("Depth"), &awscloudwatch.CreateAlarmOptions{Threshold: jsii.Number(1), EvaluationPeriods: jsii.Number(1)})
	})
	compare(t, "Connect", tpl.allowedBy(t, "ConnectDefaultPolicy"), []string{inNames.Replace(grants["Connect"].want[0])})
	tpl.check(t, "Depth", map[string]string{"Dimensions": `[{"Name":"QueueName","Value":"work"}]`})
}

func TestBadAttributesNameThemselves(t *testing.T) {
	for want, spoil := range map[string]func(*constructs.StreamerAttributes){
		"WebSocketURL":         func(a *constructs.StreamerAttributes) { a.WebSocketURL = "" },
		"CallbackURL":          func(a *constructs.StreamerAttributes) { a.CallbackURL = "" },
		"ConnectionsTableName": func(a *constructs.StreamerAttributes) { a.ConnectionsTableName = "" },
		"RequestsTableName":    func(a *constructs.StreamerAttributes) { a.RequestsTableName = "" },
		"FilesBucketName":      func(a *constructs.StreamerAttributes) { a.FilesBucketName = "" },
		"WorkQueueURL":         func(a *constructs.StreamerAttributes) { a.WorkQueueURL = "" },
		"DeadLetterQueueURL":   func(a *constructs.StreamerAttributes) { a.DeadLetterQueueURL = "" },
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
		attributes := attributes()
		spoil(attributes)
		got := panicOf(func() { constructs.StreamerFromAttributes(stack, "Streamer", attributes) })
		if got != "streamer Dev/Streamer: "+want+" is empty: give that output of the Streamer's stack" {
			t.Errorf("got %q", got)
		}
	}
	for want, spoil := range map[string]func(*constructs.StreamerAttributes){
		`FunctionNames has "rooter": the functions are router, `: func(a *constructs.StreamerAttributes) { a.FunctionNames = map[string]string{"rooter": "x"} },
		`FunctionNames has an empty name for "router"`:           func(a *constructs.StreamerAttributes) { a.FunctionNames = map[string]string{"router": ""} },
		`Workers has "Images", which is no worker's name`: func(a *constructs.StreamerAttributes) {
			a.Workers = map[string]constructs.WorkerAttributes{"Images": {}}
		},
		"Workers[images] lacks QueueURL or ProcessorName: give both": func(a *constructs.StreamerAttributes) {
			a.Workers = map[string]constructs.WorkerAttributes{"images": {QueueURL: "q"}}
		},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
		attributes := attributes()
		spoil(attributes)
		if got := panicOf(func() { constructs.StreamerFromAttributes(stack, "Streamer", attributes) }); !strings.HasPrefix(got, "streamer Dev/Streamer: "+want) {
			t.Errorf("got %q, want %s…", got, want)
		}
	}
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	if got := panicOf(func() { constructs.StreamerFromAttributes(stack, "Streamer", nil) }); !strings.HasPrefix(got, "streamer Dev/Streamer: there are no attributes") {
		t.Errorf("got %q", got)
	}
}
