package constructs_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
	"github.com/pay-theory/streamer/internal/contract"
)

// What the local stage does not keep, or does not enforce, is asserted here.

func TestAPI(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Auth: auth()})

	tpl.check(t, "Api", map[string]string{"ProtocolType": `"WEBSOCKET"`})
	tpl.check(t, "Stage", map[string]string{
		"StageName":  `"v1"`,
		"AutoDeploy": `true`,
		"DefaultRouteSettings.ThrottlingRateLimit":  `1000`,
		"DefaultRouteSettings.ThrottlingBurstLimit": `2000`,
		"AccessLogSettings":                         `null`,
	})
	tpl.check(t, "ApiAuthorizer", map[string]string{
		"AuthorizerType": `"REQUEST"`,
		"IdentitySource": `[]`, // a source would lock browsers out
		"AuthorizerUri":  `"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${AuthorizerAlias}/invocations"`,
	})
	tpl.check(t, "ApiconnectRoute", map[string]string{
		"RouteKey": `"$connect"`, "AuthorizationType": `"CUSTOM"`, "AuthorizerId": `"${ApiAuthorizer}"`,
		"RouteResponseSelectionExpression": `null`,
	})
	tpl.check(t, "ApidisconnectRoute", map[string]string{"RouteKey": `"$disconnect"`, "RouteResponseSelectionExpression": `null`})
	tpl.check(t, "ApidefaultRoute", map[string]string{"RouteKey": `"$default"`, "RouteResponseSelectionExpression": `"$default"`})
	tpl.check(t, "ApidefaultRouteResponse", map[string]string{"RouteId": `"${ApidefaultRoute}"`, "RouteResponseKey": `"$default"`})

	for _, route := range []string{"connect", "disconnect", "default"} {
		tpl.check(t, "Api"+route+"RouteIntegration", map[string]string{
			"IntegrationUri": `"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${RouterAlias}/invocations"`,
		})
		tpl.check(t, "Api"+route+"RouteIntegrationPermission", map[string]string{
			"Action": `"lambda:InvokeFunction"`, "Principal": `"apigateway.amazonaws.com"`, "FunctionName": `"${RouterAlias}"`,
			"SourceArn": `"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*$` + route + `"`,
		})
	}
	if permissions := tpl.ofType("AWS::Lambda::Permission"); len(permissions) != 5 {
		t.Errorf("who may invoke: %v, want three routes, the authorizer and the schedule", permissions)
	}
}

func TestDetailedMetrics(t *testing.T) {
	for want, props := range map[string]*constructs.StreamerProps{`false`: nil, `true`: {DetailedMetrics: true}} {
		tpl := synth(t, nil, props)
		tpl.check(t, "Stage", map[string]string{"DefaultRouteSettings.DetailedMetricsEnabled": want, "RouteSettings": `null`})
	}
}

func TestThrottle(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{DetailedMetrics: true, Throttle: &constructs.ThrottleProps{
		RatePerSecond: 100, Connects: constructs.RouteThrottleProps{RatePerSecond: 5, Burst: 10},
	}})
	tpl.check(t, "Stage", map[string]string{
		"DefaultRouteSettings": `{"DetailedMetricsEnabled":true,"ThrottlingBurstLimit":2000,"ThrottlingRateLimit":100}`,
		"RouteSettings":        `{"$connect":{"DetailedMetricsEnabled":true,"ThrottlingBurstLimit":10,"ThrottlingRateLimit":5}}`,
	})
	// API Gateway refuses settings of a route that is not there yet.
	if waits := tpl.Resources["Stage"].DependsOn; !slices.ContainsFunc(waits, func(id string) bool { return name(id) == "ApiconnectRoute" }) {
		t.Errorf("the stage waits for %v", waits)
	}
	tpl = synth(t, nil, &constructs.StreamerProps{Throttle: &constructs.ThrottleProps{Messages: constructs.RouteThrottleProps{Burst: 50}}})
	tpl.check(t, "Stage", map[string]string{
		"RouteSettings": `{"$default":{"DetailedMetricsEnabled":false,"ThrottlingBurstLimit":50,"ThrottlingRateLimit":1000}}`,
	})
	if waits := synth(t, nil, nil).Resources["Stage"].DependsOn; len(waits) != 0 {
		t.Errorf("without settings of routes, the stage waits for %v", waits)
	}
}

// TestAccessLogsHoldNoSecret: neither a token, wherever it travelled, nor a payload.
func TestAccessLogsHoldNoSecret(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{AccessLogs: awslogs.NewLogGroup(stack, jsii.String("Logs"), nil)})
	})
	format := at(tpl.Resources["Stage"].Properties, "AccessLogSettings.Format").(string)
	var line map[string]string
	if err := json.Unmarshal([]byte(format), &line); err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Values(line))
	want := []string{
		"$context.authorizer.status", "$context.connectionId", "$context.error.message", "$context.eventType", "$context.identity.sourceIp",
		"$context.integrationLatency", "$context.requestId", "$context.requestTime", "$context.routeKey", "$context.status",
	}
	if !slices.Equal(got, want) {
		t.Errorf("a line has %v, want %v: look what a new one can hold before you add it here", got, want)
	}
	tpl.check(t, "Stage", map[string]string{ // what would write whole messages and handshakes
		"DefaultRouteSettings.DataTraceEnabled": `null`, "DefaultRouteSettings.LoggingLevel": `null`,
	})
}

func TestAccessLogsAreOptIn(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			AccessLogs: awslogs.LogGroup_FromLogGroupName(stack, jsii.String("Logs"), jsii.String("mine")),
		})
	})
	tpl.check(t, "Stage", map[string]string{
		"AccessLogSettings.DestinationArn": `"arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:mine"`,
	})
	if account := tpl.ofType("AWS::ApiGateway::Account"); len(account) != 0 {
		t.Errorf("the role of the whole account is changed by %v", account)
	}
}

func TestTables(t *testing.T) {
	tpl := synth(t, nil, nil)
	for _, table := range []string{"Connections", "Requests"} {
		tpl.check(t, table, map[string]string{
			"BillingMode": `"PAY_PER_REQUEST"`,
			"TableName":   `null`,
			"Replicas.0.PointInTimeRecoverySpecification": `{"PointInTimeRecoveryEnabled":true}`,
			"Replicas.0.DeletionProtectionEnabled":        `true`,
			"Replicas.1":                                  `null`,
		})
		if policy := tpl.Resources[table].DeletionPolicy; policy != "Retain" {
			t.Errorf("%s: deletion policy %s", table, policy)
		}
	}
	tpl.check(t, "Connections", map[string]string{
		"KeySchema":                   `[{"AttributeName":"connection_id","KeyType":"HASH"}]`,
		"TimeToLiveSpecification":     `{"AttributeName":"expires_at","Enabled":true}`,
		"StreamSpecification":         `{"StreamViewType":"NEW_AND_OLD_IMAGES"}`,
		"GlobalSecondaryIndexes":      `[` + index("by_user", "user_key", "connected_at", `"ProjectionType":"KEYS_ONLY"`) + `]`,
		"AttributeDefinitions.2":      `{"AttributeName":"connected_at","AttributeType":"N"}`,
		"SSESpecification.SSEEnabled": `false`, // a key that AWS owns
	})
	tpl.check(t, "Requests", map[string]string{
		"KeySchema":               `[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]`,
		"TimeToLiveSpecification": `{"AttributeName":"ttl","Enabled":true}`,
		"StreamSpecification":     `{"StreamViewType":"NEW_IMAGE"}`,
		"GlobalSecondaryIndexes": `[` + strings.Join([]string{
			index("by_tenant", "tenant_day", "created_at",
				`"NonKeyAttributes":["action","status","started_at","ended_at","attempt","code","user"],"ProjectionType":"INCLUDE"`),
			index("by_user", "user_key", "created_at", `"ProjectionType":"KEYS_ONLY"`),
			index("open", "open_shard", "created_at", `"ProjectionType":"KEYS_ONLY"`),
		}, ",") + `]`,
		"AttributeDefinitions.3": `{"AttributeName":"created_at","AttributeType":"N"}`,
	})
}

func index(name, partitionKey, sortKey, projection string) string {
	return `{"IndexName":"` + name + `","KeySchema":[{"AttributeName":"` + partitionKey + `","KeyType":"HASH"},{"AttributeName":"` +
		sortKey + `","KeyType":"RANGE"}],"Projection":{` + projection + `}}`
}

func TestQueues(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Processor: constructs.FunctionProps{TimeoutSeconds: 600}})
	tpl.check(t, "Work", map[string]string{
		"VisibilityTimeout":      `660`,
		"MessageRetentionPeriod": `604800`,
		"RedrivePolicy":          `{"deadLetterTargetArn":"${DeadLetters.Arn}","maxReceiveCount":50}`,
		"SqsManagedSseEnabled":   `true`,
	})
	for _, queue := range []string{"DeadLetters", "Undispatched"} {
		tpl.check(t, queue, map[string]string{"MessageRetentionPeriod": `1209600`, "SqsManagedSseEnabled": `true`})
	}
	for _, queue := range []string{"Work", "DeadLetters", "Undispatched"} {
		tpl.check(t, queue+"Policy", map[string]string{
			"PolicyDocument.Statement.0.Effect":    `"Deny"`,
			"PolicyDocument.Statement.0.Condition": `{"Bool":{"aws:SecureTransport":"false"}}`,
		})
	}
}

func TestFiles(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{FileRetentionDays: 7, WebOrigins: []string{"https://app.example.com"}})
	tpl.check(t, "Files", map[string]string{
		"PublicAccessBlockConfiguration": `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,"RestrictPublicBuckets":true}`,
		"BucketEncryption":               `{"ServerSideEncryptionConfiguration":[{"ServerSideEncryptionByDefault":{"SSEAlgorithm":"AES256"}}]}`,
		"OwnershipControls":              `{"Rules":[{"ObjectOwnership":"BucketOwnerEnforced"}]}`,
		"LifecycleConfiguration.Rules": `[{"ExpirationInDays":7,"Id":"expire-files","Prefix":"t/","Status":"Enabled"},` +
			`{"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":2},"Id":"abort-uploads","Status":"Enabled"}]`,
		"CorsConfiguration.CorsRules": `[{"AllowedHeaders":["content-type","x-amz-checksum-sha256"],"AllowedMethods":["PUT","GET"],"AllowedOrigins":["https://app.example.com"]}]`,
	})
	tpl.check(t, "FilesPolicy", map[string]string{
		"PolicyDocument.Statement.0.Effect":    `"Deny"`,
		"PolicyDocument.Statement.0.Condition": `{"Bool":{"aws:SecureTransport":"false"}}`,
	})
	if policy := tpl.Resources["Files"].DeletionPolicy; policy != "Retain" {
		t.Errorf("deletion policy %s", policy)
	}
}

func TestFunctions(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{
		Auth:      auth(),
		Clocks:    &constructs.Clocks{LeaseMS: 40_000, ProgressMS: 500},
		Router:    constructs.FunctionProps{Environment: map[string]string{"MINE": "1"}, MemoryMB: 512, TimeoutSeconds: 20},
		Processor: constructs.FunctionProps{Environment: map[string]string{"MINE": "2"}},
	})
	const callback = `"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI":"https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"`
	const traced = `"STREAMER_TRACING":"{}"`
	for _, f := range []struct {
		name                 string
		memory, timeout, env string
	}{
		{"Authorizer", `256`, `10`, `{"STREAMER_AUTH":"{\"issuer\":\"https://id.example.com/\",\"audiences\":[\"streamer\"],\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"kid\":\"one\"}]}}","STREAMER_REQUESTS_TABLE":"${Requests}"}`},
		{"Router", `512`, `20`, `{` + callback + `,"MINE":"1","STREAMER_CONNECTIONS_TABLE":"${Connections}","STREAMER_FILES_BUCKET":"${Files}","STREAMER_REQUESTS_TABLE":"${Requests}",` + traced + `}`},
		{"Dispatcher", `256`, `30`, `{"STREAMER_REQUESTS_TABLE":"${Requests}",` + traced + `,"STREAMER_WORK_QUEUE_URL":"${Work}"}`},
		{"Processor", `1024`, `900`, `{` + callback + `,"MINE":"2","STREAMER_CLOCKS":"{\"lease\":40000,\"progress\":500}","STREAMER_CONNECTIONS_TABLE":"${Connections}","STREAMER_FILES_BUCKET":"${Files}","STREAMER_REQUESTS_TABLE":"${Requests}",` + traced + `,"STREAMER_WORK_QUEUE_URL":"${Work}"}`},
		{"Reconciler", `256`, `120`, `{` + callback + `,"STREAMER_CONNECTIONS_TABLE":"${Connections}","STREAMER_REQUESTS_TABLE":"${Requests}",` + traced + `,"STREAMER_WORK_QUEUE_URL":"${Work}"}`},
	} {
		tpl.check(t, f.name+"Function", map[string]string{
			"MemorySize":                   f.memory,
			"Timeout":                      f.timeout,
			"Environment.Variables":        f.env,
			"Runtime":                      `"provided.al2023"`,
			"Handler":                      `"bootstrap"`,
			"Architectures":                `["arm64"]`,
			"TracingConfig":                `{"Mode":"Active"}`,
			"LoggingConfig":                `{"LogGroup":"${` + f.name + `Logs}"}`,
			"Role":                         `"${` + f.name + `Role.Arn}"`,
			"FunctionName":                 `null`,
			"ReservedConcurrentExecutions": `null`,
		})
		tpl.check(t, f.name+"Logs", map[string]string{"RetentionInDays": `30`})
		if policy := tpl.Resources[f.name+"Logs"].DeletionPolicy; policy != "Delete" {
			t.Errorf("%s: deletion policy of logs %s", f.name, policy)
		}
	}
	if functions := tpl.ofType("AWS::Lambda::Function"); len(functions) != 5 {
		t.Errorf("functions %v", functions)
	}
}

// Only the router keeps limits, with the grants that it has anyway.
func TestLimits(t *testing.T) {
	without := synth(t, nil, nil)
	tpl := synth(t, nil, &constructs.StreamerProps{Limits: &constructs.LimitsProps{
		User: constructs.AllowanceProps{Connections: 5, Requests: 10, SubmitsPerSecond: 2}, Tenant: constructs.AllowanceProps{Requests: 100},
	}})
	tpl.check(t, "RouterFunction", map[string]string{
		"Environment.Variables.STREAMER_LIMITS": `"{\"user\":{\"connections\":5,\"requests\":10,\"submits_per_second\":2},\"tenant\":{\"requests\":100}}"`,
	})
	without.check(t, "RouterFunction", map[string]string{"Environment.Variables.STREAMER_LIMITS": `null`})
	if a, b := without.allowed(t, "Router"), tpl.allowed(t, "Router"); !slices.Equal(a, b) || len(a) == 0 {
		t.Errorf("with limits the router may do\n%q\nand without\n%q", b, a)
	}
}

func TestSources(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{MaxConcurrency: 7})
	tpl.check(t, "DispatcherSource", map[string]string{
		"EventSourceArn": `"${Requests.StreamArn}"`,
		"FunctionName":   `"${DispatcherAlias}[6]:live"`,
		"FilterCriteria": `{"Filters":[{"Pattern":"{\"dynamodb\":{\"NewImage\":{\"status\":{\"S\":[\"PENDING\"]}}}}"},` +
			`{"Pattern":"{\"dynamodb\":{\"NewImage\":{\"notice\":{\"S\":[\"due\"]}}}}"}]}`,
		"StartingPosition":               `"TRIM_HORIZON"`,
		"BatchSize":                      `100`,
		"MaximumBatchingWindowInSeconds": `0`,
		"MaximumRecordAgeInSeconds":      `3600`,
		"MaximumRetryAttempts":           `-1`,
		"BisectBatchOnFunctionError":     `true`,
		"FunctionResponseTypes":          `null`, // a failed send fails the batch
		"DestinationConfig":              `{"OnFailure":{"Destination":"${Undispatched.Arn}"}}`,
	})
	tpl.check(t, "ProcessorSource", map[string]string{
		"EventSourceArn":                 `"${Work.Arn}"`,
		"FunctionName":                   `"${ProcessorAlias}[6]:live"`,
		"BatchSize":                      `1`,
		"FunctionResponseTypes":          `["ReportBatchItemFailures"]`,
		"ScalingConfig":                  `{"MaximumConcurrency":7}`,
		"MaximumBatchingWindowInSeconds": `null`,
	})
	tpl.check(t, "ReconcilerRule", map[string]string{
		"ScheduleExpression": `"rate(5 minutes)"`,
		"State":              `"ENABLED"`,
		"Targets.0.Arn":      `"${ReconcilerAlias}"`,
	})
}

func TestAlarms(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		topic := awssns.NewTopic(stack, jsii.String("Topic"), nil)
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Alarms: &constructs.AlarmProps{
			OldestWaitingMinutes: 10, FunctionErrors: 3,
			Actions: []awscloudwatch.IAlarmAction{awscloudwatchactions.NewSnsAction(topic)},
		}})
	})

	tpl.check(t, "DeadLettersAlarm", map[string]string{
		"Namespace": `"AWS/SQS"`, "MetricName": `"ApproximateNumberOfMessagesVisible"`,
		"Dimensions": `[{"Name":"QueueName","Value":"${DeadLetters.QueueName}"}]`,
		"Threshold":  `0`, "ComparisonOperator": `"GreaterThanThreshold"`, "EvaluationPeriods": `1`, "TreatMissingData": `"notBreaching"`,
	})
	tpl.check(t, "UndispatchedAlarm", map[string]string{
		"Dimensions": `[{"Name":"QueueName","Value":"${Undispatched.QueueName}"}]`, "Threshold": `0`, "TreatMissingData": `"notBreaching"`,
	})
	tpl.check(t, "OldestWaitingAlarm", map[string]string{
		"Namespace": `"Streamer"`, "MetricName": `"OldestWaiting"`, "Statistic": `"Maximum"`, "Period": `300`,
		"Dimensions": `[{"Name":"Service","Value":"${Requests}"}]`,
		"Threshold":  `600000`, "ComparisonOperator": `"GreaterThanThreshold"`, "EvaluationPeriods": `2`, "TreatMissingData": `"breaching"`,
	})
	tpl.check(t, "FunctionErrorsAlarm", map[string]string{
		"Metrics.0.Expression": `"SUM(FILL(METRICS(), 0))"`, "Metrics.0.ReturnData": `true`, "Metrics.6": `null`,
		"Metrics.5.MetricStat": `{"Metric":{"Dimensions":[{"Name":"FunctionName","Value":"${RouterFunction}"}],"MetricName":"Errors","Namespace":"AWS/Lambda"},"Period":300,"Stat":"Sum"}`,
		"Threshold":            `3`, "ComparisonOperator": `"GreaterThanOrEqualToThreshold"`, "TreatMissingData": `"notBreaching"`,
	})
	alarms := tpl.ofType("AWS::CloudWatch::Alarm")
	if len(alarms) != 4 {
		t.Errorf("alarms %v", alarms)
	}
	for _, alarm := range alarms {
		tpl.check(t, alarm, map[string]string{"AlarmActions": `["${Topic}"]`, "OKActions": `["${Topic}"]`})
		if description := jsonOf(t, at(tpl.Resources[alarm].Properties, "AlarmDescription")); !strings.Contains(description, "First: ") {
			t.Errorf("%s does not say what to do first: %s", alarm, description)
		}
	}
}

// TestAddAlarmAction: what is made after the Streamer is told, too, by every alarm.
func TestAddAlarmAction(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		first, second := awssns.NewTopic(stack, jsii.String("First"), nil), awssns.NewTopic(stack, jsii.String("Second"), nil)
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Workers: reports(), Alarms: &constructs.AlarmProps{Actions: []awscloudwatch.IAlarmAction{awscloudwatchactions.NewSnsAction(first)}},
		})
		s.AddAlarmAction(awscloudwatchactions.NewSnsAction(second))
	})
	alarms := tpl.ofType("AWS::CloudWatch::Alarm")
	if len(alarms) != 5 {
		t.Errorf("alarms %v", alarms)
	}
	for _, alarm := range alarms {
		tpl.check(t, alarm, map[string]string{"AlarmActions": `["${First}","${Second}"]`, "OKActions": `["${First}","${Second}"]`})
	}
	silent := synth(t, nil, nil)
	for _, alarm := range silent.ofType("AWS::CloudWatch::Alarm") {
		silent.check(t, alarm, map[string]string{"AlarmActions": `null`, "OKActions": `null`})
	}
}

// TestOutputPrefix: several Streamers in one stack have outputs of their own, as their
// dashboards have.
func TestOutputPrefix(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		for _, prefix := range []string{"", "Shop"} {
			s := constructs.NewStreamer(stack, prefix+"Streamer", &constructs.StreamerProps{OutputPrefix: prefix})
			s.Outputs(stack)
			dashboards.New(stack, prefix+"Dashboard", s).Outputs(stack)
		}
	})
	plain, prefixed := []string{}, []string{}
	for key := range tpl.Outputs {
		if rest, is := strings.CutPrefix(key, "Shop"); is {
			prefixed = append(prefixed, rest)
		} else {
			plain = append(plain, key)
		}
	}
	slices.Sort(plain)
	slices.Sort(prefixed)
	if !slices.Equal(plain, prefixed) || len(plain) != 11 {
		t.Errorf("outputs %v and, with the prefix, %v", plain, prefixed)
	}
	if got := tpl.Outputs["ShopRequestsTableName"].Value; got != "${ShopStreamerRequests}" {
		t.Errorf("output %v", got)
	}
}

func TestOutputs(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", nil).Outputs(stack)
	})
	want := map[string]string{
		"WebSocketUrl":         "wss://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1",
		"CallbackUrl":          "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1",
		"ConnectionsTableName": "${Connections}",
		"RequestsTableName":    "${Requests}",
		"FilesBucketName":      "${Files}",
		"WorkQueueUrl":         "${Work}",
		"DeadLetterQueueUrl":   "${DeadLetters}",
	}
	for key, value := range want {
		if got := tpl.Outputs[key].Value; got != value {
			t.Errorf("%s is %v, want %s", key, got, value)
		}
	}
	if len(tpl.Outputs) != len(want) {
		t.Errorf("outputs %v", tpl.Outputs)
	}
}

func TestWithoutAuthEveryConnectionIsRefusedAndTheSynthWarns(t *testing.T) {
	for _, c := range []struct {
		props       *constructs.StreamerProps
		environment string
		warnings    int
	}{
		{nil, `{"STREAMER_REQUESTS_TABLE":"${Requests}"}`, 1},
		{&constructs.StreamerProps{Auth: &constructs.AuthProps{Anonymous: true}}, `{"STREAMER_AUTH":"{\"anonymous\":true}","STREAMER_REQUESTS_TABLE":"${Requests}"}`, 1},
		{&constructs.StreamerProps{Auth: auth()}, `{"STREAMER_AUTH":"{\"issuer\":\"https://id.example.com/\",\"audiences\":[\"streamer\"],\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"kid\":\"one\"}]}}","STREAMER_REQUESTS_TABLE":"${Requests}"}`, 0},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
		constructs.NewStreamer(stack, "Streamer", c.props)
		warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("/Test/Streamer"), assertions.Match_StringLikeRegexp(jsii.String("Auth")))
		if len(*warnings) != c.warnings {
			t.Errorf("%d warnings, want %d", len(*warnings), c.warnings)
		}
		tpl := templateOf(t, stack)
		tpl.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables": c.environment})
		tpl.check(t, "ApiconnectRoute", map[string]string{"AuthorizationType": `"CUSTOM"`})
	}
}

func TestRemovalPolicyDestroy(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	for _, r := range []string{"Connections", "Requests", "Files"} {
		if policy := tpl.Resources[r].DeletionPolicy; policy != "Delete" {
			t.Errorf("%s: deletion policy %s", r, policy)
		}
	}
	tpl.check(t, "Requests", map[string]string{"Replicas.0.DeletionProtectionEnabled": `false`})
	if custom := tpl.ofType("Custom::S3AutoDeleteObjects"); len(custom) != 0 {
		t.Errorf("objects are deleted by a custom resource: %v", custom)
	}
}

func TestLocal(t *testing.T) {
	props := &constructs.StreamerProps{Auth: auth(), RemovalPolicy: awscdk.RemovalPolicy_RETAIN}
	tpl := synthStack(t, map[string]any{contract.ContextLocal: map[string]any{
		"endpoint": "http://127.0.0.1:4566", "issuer": "local", "audience": "streamer",
		"jwks_url": "http://127.0.0.1:4566/_front/jwks",
	}}, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", props).Outputs(stack)
	})

	const at = "://127.0.0.1:4566/_aws/execute-api/${Api}/v1"
	if got := tpl.Outputs["WebSocketUrl"].Value; got != "ws"+at {
		t.Errorf("WebSocketUrl is %v", got)
	}
	for _, function := range []string{"Router", "Processor"} {
		tpl.check(t, function+"Function", map[string]string{"Environment.Variables.AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": `"http` + at + `"`})
	}
	tpl.check(t, "AuthorizerFunction", map[string]string{
		"Environment.Variables.STREAMER_AUTH": `"{\"issuer\":\"local\",\"audiences\":[\"streamer\"],\"jwks_url\":\"http://127.0.0.1:4566/_front/jwks\"}"`,
	})
	for _, refused := range []string{"AWS::ApiGatewayV2::RouteResponse", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"} {
		if found := tpl.ofType(refused); len(found) != 0 {
			t.Errorf("%s: %v", refused, found)
		}
	}
	for function, want := range permissions {
		want = append(everywhere(function), want...)
		switch function {
		case "Dispatcher", "Reconciler":
			want = append(want, "sqs:SendMessageBatch on ${Work.Arn}")
		case "Processor":
			want = append(want, sampleReport)
		}
		compare(t, function, tpl.allowed(t, function), want)
	}
	if _, found := tpl.Resources["FunctionErrorsAlarm"]; found {
		t.Error("an alarm on an expression")
	}
	for _, r := range []string{"Connections", "Requests", "Files"} {
		if policy := tpl.Resources[r].DeletionPolicy; policy != "Delete" {
			t.Errorf("%s: deletion policy %s", r, policy)
		}
	}
	if props.Auth.Issuer != auth().Issuer || props.RemovalPolicy != awscdk.RemovalPolicy_RETAIN {
		t.Error("the caller's props were changed")
	}
}

func TestLocalAsTextGivesTheSame(t *testing.T) {
	local := map[string]any{contract.ContextLocal: localContext}
	tpl := synth(t, local, nil)
	tpl.check(t, "AuthorizerFunction", map[string]string{
		"Environment.Variables.STREAMER_AUTH": `"{\"issuer\":\"local\",\"audiences\":[\"streamer\"],\"jwks_url\":\"http://127.0.0.1:4566/_front/jwks\"}"`,
	})
	anonymous := synth(t, local, &constructs.StreamerProps{Auth: &constructs.AuthProps{Anonymous: true}})
	anonymous.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables.STREAMER_AUTH": `"{\"anonymous\":true}"`})
}

func TestTwoStreamersInOneStack(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "One", nil)
		constructs.NewStreamer(stack, "Two", nil)
	})
	if len(tpl.ofType("AWS::Lambda::Function")) != 10 {
		t.Errorf("functions %v", tpl.ofType("AWS::Lambda::Function"))
	}
}

func TestItIsAScope(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", nil)
		queue := awssqs.NewQueue(s, jsii.String("Mine"), nil)
		if path := *queue.Node().Path(); path != "Test/Streamer/Mine" {
			t.Errorf("path %s", path)
		}
		awscdk.Tags_Of(s).Add(jsii.String("team"), jsii.String("reports"), nil)
	})
	tpl.check(t, "Files", map[string]string{"Tags": `[{"Key":"team","Value":"reports"}]`})
}

func TestReadyMadeCode(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		bucket := awss3.Bucket_FromBucketName(stack, jsii.String("Code"), jsii.String("code"))
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Processor: constructs.FunctionProps{Code: awslambda.Code_FromBucketV2(bucket, jsii.String("mine.zip"), nil)},
		})
	})
	tpl.check(t, "ProcessorFunction", map[string]string{"Code": `{"S3Bucket":"code","S3Key":"mine.zip"}`})
}
