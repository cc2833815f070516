package constructs_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

func TestBadPropsNameThemselves(t *testing.T) {
	for _, c := range []struct {
		want  string
		props constructs.StreamerProps
	}{
		{"StageName is", constructs.StreamerProps{StageName: "$default"}},
		{`OutputPrefix is "My-": give up to 64 letters and digits`, constructs.StreamerProps{OutputPrefix: "My-"}},
		{"MaxConcurrency is 1: AWS takes 2 to 1000", constructs.StreamerProps{MaxConcurrency: 1}},
		{"MaxConcurrency is 1001", constructs.StreamerProps{MaxConcurrency: 1001}},
		{"FileRetentionDays is -1", constructs.StreamerProps{FileRetentionDays: -1}},
		{`WebOrigins has "https://app.example.com/": give scheme and host`, constructs.StreamerProps{WebOrigins: []string{"http://127.0.0.1:*", "https://*.example.com", "*", "https://app.example.com/"}}},
		{`WebOrigins has "app.example.com": give scheme and host`, constructs.StreamerProps{WebOrigins: []string{"app.example.com"}}},
		{"RemovalPolicy is SNAPSHOT", constructs.StreamerProps{RemovalPolicy: awscdk.RemovalPolicy_SNAPSHOT}},
		{"Throttle is -1 per second", constructs.StreamerProps{Throttle: &constructs.ThrottleProps{RatePerSecond: -1}}},
		{"Throttle.Connects is -1 per second", constructs.StreamerProps{Throttle: &constructs.ThrottleProps{Connects: constructs.RouteThrottleProps{RatePerSecond: -1}}}},
		{"Throttle.Messages is 1000 per second with a burst of -1", constructs.StreamerProps{Throttle: &constructs.ThrottleProps{Messages: constructs.RouteThrottleProps{Burst: -1}}}},
		{"Limits limits nothing: set one of User and Tenant", constructs.StreamerProps{Limits: &constructs.LimitsProps{}}},
		{"Limits.User.Requests is -1: give 1 to 100000, or 0", limits(constructs.AllowanceProps{Requests: -1}, constructs.AllowanceProps{})},
		{"Limits.Tenant.Connections is 100001: give 1 to 100000", limits(constructs.AllowanceProps{}, constructs.AllowanceProps{Connections: 100_001})},
		{"Limits.Tenant.SubmitsPerSecond is 10001: give 1 to 10000", limits(constructs.AllowanceProps{}, constructs.AllowanceProps{SubmitsPerSecond: 10_001})},
		{"Limits.User.Requests is 50, more than Limits.Tenant.Requests, 20: one user", limits(constructs.AllowanceProps{Requests: 50}, constructs.AllowanceProps{Requests: 20})},
		{"Tracing.Percent is 101: give 0 to 100", constructs.StreamerProps{Tracing: &constructs.TracingProps{Percent: 101}}},
		{"Tracing.Percent is -0.5: give 0 to 100", constructs.StreamerProps{Tracing: &constructs.TracingProps{Percent: -0.5}}},
		{"Tracing.Percent is NaN: give 0 to 100", constructs.StreamerProps{Tracing: &constructs.TracingProps{Percent: math.NaN()}}},
		{"Tracing has both Percent and Off: give one of them", constructs.StreamerProps{Tracing: &constructs.TracingProps{Percent: 5, Off: true}}},
		{"Tracing.Percent is 5, and Router.Tracing DISABLED: traces begin in the router", constructs.StreamerProps{
			Tracing: &constructs.TracingProps{Percent: 5}, Router: constructs.FunctionProps{Tracing: awslambda.Tracing_DISABLED}}},
		{"Router.TimeoutSeconds is 30: AWS takes 1 to 29", constructs.StreamerProps{Router: constructs.FunctionProps{TimeoutSeconds: 30}}},
		{"Processor.TimeoutSeconds is 901: AWS takes 1 to 900", constructs.StreamerProps{Processor: constructs.FunctionProps{TimeoutSeconds: 901}}},
		{"Processor.MemoryMB is 64: AWS takes 128 to 10240", constructs.StreamerProps{Processor: constructs.FunctionProps{MemoryMB: 64}}},
		{"Processor has both ImportPath and Code", constructs.StreamerProps{Processor: constructs.FunctionProps{
			ImportPath: "example.com/app", Code: awslambda.Code_FromAsset(jsii.String("."), nil)}}},
		{"Router.Environment sets STREAMER_X, which is Streamer's", constructs.StreamerProps{Router: constructs.FunctionProps{
			Environment: map[string]string{"STREAMER_X": "1"}}}},
		{"Router.Environment sets AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", constructs.StreamerProps{Router: constructs.FunctionProps{
			Environment: map[string]string{contract.EnvCallbackEndpoint: "1"}}}},
		{"Processor.Environment holds 5001 bytes: Lambda takes 4096", constructs.StreamerProps{Processor: constructs.FunctionProps{
			Environment: map[string]string{"A": strings.Repeat("x", 5000)}}}},
		{"Architecture is riscv", constructs.StreamerProps{Architecture: awslambda.Architecture_Custom(jsii.String("riscv"), nil)}},
		{"Router has Subnets or SecurityGroups without a VPC", constructs.StreamerProps{Router: constructs.FunctionProps{Subnets: &awsec2.SubnetSelection{}}}},
		{"Subnets, SecurityGroups or VPCEndpoints is set without VPC", constructs.StreamerProps{VPCEndpoints: true}},
		{"Subnets, SecurityGroups or VPCEndpoints is set without VPC", constructs.StreamerProps{Subnets: &awsec2.SubnetSelection{}}},
		{"Authorizer.TimeoutSeconds is 30: AWS takes 1 to 29", constructs.StreamerProps{Authorizer: constructs.FunctionProps{TimeoutSeconds: 30}}},
		{"Dispatcher.TimeoutSeconds is 901: AWS takes 1 to 900", constructs.StreamerProps{Dispatcher: constructs.FunctionProps{TimeoutSeconds: 901}}},
		{"Reconciler.TimeoutSeconds is 301: AWS takes 1 to 300", constructs.StreamerProps{Reconciler: constructs.FunctionProps{TimeoutSeconds: 301}}},
		{"Dispatcher.MemoryMB is 20000", constructs.StreamerProps{Dispatcher: constructs.FunctionProps{MemoryMB: 20000}}},
		{"Router.Tracing is Sometimes: give ACTIVE", constructs.StreamerProps{Router: constructs.FunctionProps{Tracing: "Sometimes"}}},
		{"Router.Layers has 6: Lambda takes 5", constructs.StreamerProps{Router: constructs.FunctionProps{Layers: make([]awslambda.ILayerVersion, 6)}}},
		{"Authorizer is set beside Auth.IAM, with which there is none", constructs.StreamerProps{
			Auth: &constructs.AuthProps{IAM: true}, Authorizer: constructs.FunctionProps{MemoryMB: 512}}},
		{`Workers[0].Name is "": give 1 to 32`, workers(constructs.WorkerProps{Actions: []string{"a"}})},
		{`Workers[0].Name is "Reports"`, workers(constructs.WorkerProps{Name: "Reports", Actions: []string{"a"}})},
		{`Workers[0].Name is "router": that is what one of Streamer's own functions or queues is called`, workers(constructs.WorkerProps{Name: "router", Actions: []string{"a"}})},
		{`Workers[0].Name is "undispatched": that is`, workers(constructs.WorkerProps{Name: "undispatched", Actions: []string{"a"}})},
		{"Workers[1] (one) has the name of another one", workers(constructs.WorkerProps{Name: "one", Actions: []string{"a"}}, constructs.WorkerProps{Name: "one", Actions: []string{"b"}})},
		{"Workers[0] (one).Actions is empty", workers(constructs.WorkerProps{Name: "one"})},
		{`Workers[0] (one).Actions has "Resize", which is no action's name`, workers(constructs.WorkerProps{Name: "one", Actions: []string{"Resize"}})},
		{`Workers[0] (one).Actions has "streamer.get"`, workers(constructs.WorkerProps{Name: "one", Actions: []string{"streamer.get"}})},
		{`Workers[1] (two).Actions has "a", which Workers[0] (one) has already`, workers(
			constructs.WorkerProps{Name: "one", Actions: []string{"a"}}, constructs.WorkerProps{Name: "two", Actions: []string{"b", "a"}})},
		{`Workers[0] (one).Actions has "a", which Workers[0] (one) has already`, workers(constructs.WorkerProps{Name: "one", Actions: []string{"a", "a"}})},
		{"Workers[0] (one).MaxConcurrency is 1: AWS takes 2 to 1000", workers(constructs.WorkerProps{Name: "one", Actions: []string{"a"}, MaxConcurrency: 1})},
		{"Workers[0] (one).Processor.TimeoutSeconds is 901: AWS takes 1 to 900", workers(constructs.WorkerProps{
			Name: "one", Actions: []string{"a"}, Processor: constructs.FunctionProps{TimeoutSeconds: 901}})},
		{"Workers name 30 actions in 2", workers(constructs.WorkerProps{Name: "one", Actions: many(30)})},
		{"Clocks.LeaseMS is -1", constructs.StreamerProps{Clocks: &constructs.Clocks{LeaseMS: -1}}},
		{"Clocks.LeaseMS is 5000: make it at least twice PulseIdleMS, 10000", constructs.StreamerProps{Clocks: &constructs.Clocks{LeaseMS: 5000}}},
		{"Clocks.VisibilityMS is 5000: make it more than LeaseMS, 30000", constructs.StreamerProps{Clocks: &constructs.Clocks{VisibilityMS: 5000}}},
		{"Clocks.VisibilityMS is 50000000: SQS takes at most 43200000", constructs.StreamerProps{Clocks: &constructs.Clocks{VisibilityMS: 50_000_000}}},
		{"Clocks.PulseMS is 11000: make it at most PulseIdleMS, 10000", constructs.StreamerProps{Clocks: &constructs.Clocks{PulseMS: 11_000}}},
		{`LogRetention is "30": give one of`, constructs.StreamerProps{LogRetention: "30"}},
		{`Audit.Retention is "a year": give one of`, constructs.StreamerProps{Audit: &constructs.AuditProps{Retention: "a year"}}},
		{"Audit.Retention is ONE_DAY, and LogRetention ONE_MONTH", constructs.StreamerProps{Audit: &constructs.AuditProps{Retention: awslogs.RetentionDays_ONE_DAY}}},
		{"Alarms.OldestWaitingMinutes is -5", constructs.StreamerProps{Alarms: &constructs.AlarmProps{OldestWaitingMinutes: -5}}},
		{"Alarms.FunctionErrors is -5", constructs.StreamerProps{Alarms: &constructs.AlarmProps{FunctionErrors: -5}}},
		{`Alarms.RunbookURL is "https://wiki.example.com/#streamer": give a page`, constructs.StreamerProps{Alarms: &constructs.AlarmProps{RunbookURL: "https://wiki.example.com/#streamer"}}},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
		got := panicOf(func() { constructs.NewStreamer(stack, "Streamer", &c.props) })
		if !strings.HasPrefix(got, "streamer Dev/Streamer: "+c.want) {
			t.Errorf("got  %q\nwant streamer Dev/Streamer: %s…", got, c.want)
		}
	}
}

// Lambda takes 4 KB of variables in all: what Streamer sets counts with what an app does.
func TestVariablesThatAreTooManyTogether(t *testing.T) {
	var tenants []string
	for i := range 50 {
		tenants = append(tenants, fmt.Sprintf("t%063d", i))
	}
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	got := panicOf(func() {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			MeteredTenants: tenants, Router: constructs.FunctionProps{Environment: map[string]string{"A": strings.Repeat("x", 1000)}},
		})
	})
	if want := "streamer Dev/Streamer/Router: its variables hold "; !strings.HasPrefix(got, want) || !strings.Contains(got, "MeteredTenants") {
		t.Errorf("got  %q\nwant %s…", got, want)
	}
}

func workers(w ...constructs.WorkerProps) constructs.StreamerProps {
	return constructs.StreamerProps{Workers: w}
}

func limits(user, tenant constructs.AllowanceProps) constructs.StreamerProps {
	return constructs.StreamerProps{Limits: &constructs.LimitsProps{User: user, Tenant: tenant}}
}

// many are names of actions as long as they may be.
func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("a%063d", i)
	}
	return names
}

func TestBadLocalContextNamesItself(t *testing.T) {
	for context, want := range map[string]string{
		`nonsense`: "is not a JSON object",
		`{}`:       `endpoint is ""`,
		`{"endpoint":"http://127.0.0.1:1","issuer":"i"}`: "issuer, audience and jwks_url are needed",
	} {
		stack := awscdk.NewStack(newApp(t, map[string]any{contract.ContextLocal: context}), jsii.String("Dev"), nil)
		got := panicOf(func() { constructs.NewStreamer(stack, "Streamer", nil) })
		if !strings.HasPrefix(got, "streamer Dev/Streamer: context streamer:local") || !strings.Contains(got, want) {
			t.Errorf("context %s: got %q, want %s", context, got, want)
		}
	}
}
