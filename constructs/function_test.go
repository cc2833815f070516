package constructs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

func layer(stack awscdk.Stack, id string) awslambda.ILayerVersion {
	return awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String(id), jsii.String("arn:aws:lambda:eu-west-1:111122223333:layer:"+id+":1"))
}

// TestEveryFunctionMayBeOverridden: each has memory, timeout, variables, layers and tracing of
// its own, and what a worker leaves out is the processor's.
func TestEveryFunctionMayBeOverridden(t *testing.T) {
	own := func(stack awscdk.Stack, name string, tracing awslambda.Tracing) constructs.FunctionProps {
		return constructs.FunctionProps{
			MemoryMB: 333, TimeoutSeconds: 7, Environment: map[string]string{"OF": name},
			Layers: []awslambda.ILayerVersion{layer(stack, name)}, Tracing: tracing,
		}
	}
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Auth:       auth(),
			Authorizer: own(stack, "Authorizer", awslambda.Tracing_DISABLED),
			Router:     own(stack, "Router", awslambda.Tracing_PASS_THROUGH),
			Dispatcher: own(stack, "Dispatcher", awslambda.Tracing_DISABLED),
			Processor:  own(stack, "Processor", awslambda.Tracing_DISABLED),
			Reconciler: own(stack, "Reconciler", awslambda.Tracing_DISABLED),
			Workers:    reports(),
		})
	})
	for _, function := range everyFunction {
		from, tracing := function, `null`
		switch function {
		case "WorkersreportsProcessor":
			from = "Processor"
		case "Router":
			tracing = `{"Mode":"PassThrough"}`
		}
		tpl.check(t, function+"Function", map[string]string{
			"MemorySize": `333`, "Timeout": `7`, "Environment.Variables.OF": `"` + from + `"`,
			"Layers":        `["arn:aws:lambda:eu-west-1:111122223333:layer:` + from + `:1"]`,
			"TracingConfig": tracing,
		})
		traces := strings.Contains(strings.Join(tpl.allowed(t, function), " "), "xray:")
		if traces != (function == "Router") {
			t.Errorf("%s may write traces: %v", function, traces)
		}
	}
	defaults := synth(t, nil, nil)
	for _, function := range []string{"Authorizer", "Router", "Dispatcher", "Processor", "Reconciler"} {
		defaults.check(t, function+"Function", map[string]string{"Layers": `null`, "TracingConfig": `{"Mode":"Active"}`})
	}
}

func TestPermissionsBoundary(t *testing.T) {
	const boundary = "arn:aws:iam::111122223333:policy/Boundary"
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Workers:             reports(),
			PermissionsBoundary: awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("Boundary"), jsii.String(boundary)),
		})
		newCaller(stack, "Outside")
	})
	roles := 0
	for _, role := range tpl.ofType("AWS::IAM::Role") {
		if role == "Outside" {
			tpl.check(t, role, map[string]string{"PermissionsBoundary": `null`})
			continue
		}
		tpl.check(t, role, map[string]string{"PermissionsBoundary": `"` + boundary + `"`})
		roles++
	}
	if roles != 6 {
		t.Errorf("%d roles are bounded, want those of all functions", roles)
	}
	synth(t, nil, nil).check(t, "RouterRole", map[string]string{"PermissionsBoundary": `null`})
}

func TestGoFunction(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	constructs.NewGoFunction(stack, "Plain", &constructs.GoFunctionProps{FunctionProps: constructs.FunctionProps{ImportPath: "example.com/app/cmd/plain"}})
	constructs.NewGoFunction(stack, "Full", &constructs.GoFunctionProps{
		FunctionProps: constructs.FunctionProps{
			ImportPath: "example.com/app/cmd/full", MemoryMB: 512, TimeoutSeconds: 60, Environment: map[string]string{"MINE": "1"},
		},
		Description: "Does it all", Architecture: awslambda.Architecture_X86_64(), LogRetention: awslogs.RetentionDays_ONE_YEAR,
		EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil),
	})
	tpl := templateOf(t, stack)
	tpl.check(t, "PlainFunction", map[string]string{
		"Architectures": `["arm64"]`, "MemorySize": `256`, "Timeout": `30`, "Handler": `"bootstrap"`, "Runtime": `"provided.al2023"`,
		"Description": `null`, "Environment": `null`, "KmsKeyArn": `null`, "LoggingConfig": `{"LogGroup":"${PlainLogs}"}`,
	})
	tpl.check(t, "PlainLogs", map[string]string{"RetentionInDays": `30`})
	compare(t, "Plain", tpl.allowed(t, "Plain"), everywhere("Plain"))
	tpl.check(t, "FullFunction", map[string]string{
		"Architectures": `["x86_64"]`, "MemorySize": `512`, "Timeout": `60`,
		"Description": `"Does it all"`, "Environment.Variables": `{"MINE":"1"}`, "KmsKeyArn": `"${Key.Arn}"`,
	})
	tpl.check(t, "FullLogs", map[string]string{"RetentionInDays": `365`, "KmsKeyId": `"${Key.Arn}"`})
	compare(t, "Full", tpl.allowed(t, "Full"), append(everywhere("Full"), "kms:Decrypt on ${Key.Arn}"))
}

// TestGoFunctionAsAuthorizer: it needs nothing of Streamer's.
func TestGoFunctionAsAuthorizer(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		mine := constructs.NewGoFunction(stack, "Mine", &constructs.GoFunctionProps{FunctionProps: constructs.FunctionProps{ImportPath: "example.com/app/cmd/authorizer"}})
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{Authorizer: mine}})
	})
	tpl.check(t, "ApiAuthorizer", map[string]string{
		"AuthorizerUri": `"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${MineFunction.Arn}/invocations"`,
	})
}

func TestBadGoFunctionsNameThemselves(t *testing.T) {
	for want, props := range map[string]*constructs.GoFunctionProps{
		"FunctionProps.ImportPath is empty: give a package main": nil,
		"FunctionProps.MemoryMB is 64: AWS takes 128 to 10240":   {FunctionProps: constructs.FunctionProps{ImportPath: "example.com/app", MemoryMB: 64}},
		"Architecture is riscv": {
			FunctionProps: constructs.FunctionProps{ImportPath: "example.com/app"}, Architecture: awslambda.Architecture_Custom(jsii.String("riscv"), nil),
		},
	} {
		stack := awscdk.NewStack(newApp(t, map[string]any{contract.ContextLocal: nil}), jsii.String("Dev"), nil)
		if got := panicOf(func() { constructs.NewGoFunction(stack, "Mine", props) }); !strings.HasPrefix(got, "streamer Dev/Mine: "+want) {
			t.Errorf("got  %q\nwant streamer Dev/Mine: %s…", got, want)
		}
	}
}
