package release

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
)

// stackName is the stack's in the app that is synthesized. Logical ids stand on it, so it
// never changes; a deployed stack may have any name.
const stackName = "Streamer"

// Template is the CloudFormation template of a release.
func Template(o Options) ([]byte, error) {
	o = o.withDefaults()
	flags, err := featureFlags(o.Root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, fmt.Errorf("make a place to synthesize in: %w", err)
	}
	defer os.RemoveAll(dir)
	app := awscdk.NewApp(&awscdk.AppProps{Outdir: &dir, AnalyticsReporting: jsii.Bool(false), Context: &flags})
	Add(app, o)
	app.Synth(nil)
	template, err := os.ReadFile(filepath.Join(dir, stackName+".template.json"))
	if err != nil {
		return nil, fmt.Errorf("read what was synthesized: %w", err)
	}
	return template, nil
}

// featureFlags are those with which the stages are deployed.
func featureFlags(root string) (map[string]any, error) {
	text, err := os.ReadFile(filepath.Join(root, "cdk.json"))
	if err != nil {
		return nil, fmt.Errorf("read the feature flags: %w", err)
	}
	var config struct{ Context map[string]any }
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read the feature flags: %w", err)
	}
	return config.Context, nil
}

// Add adds the stack of a release to app.
func Add(app awscdk.App, o Options) awscdk.Stack {
	o = o.withDefaults()
	stack := awscdk.NewStack(app, jsii.String(stackName), &awscdk.StackProps{
		Description: jsii.String("Streamer " + o.Version + ": long requests over WebSockets, with progress"),
		Synthesizer: awscdk.NewBootstraplessSynthesizer(nil), // there are no assets
	})
	p := addParameters(stack)
	s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		StageName: *p.stageName.ValueAsString(),
		Auth: &constructs.AuthProps{
			Issuer: *p.issuer.ValueAsString(), Audiences: []string{*awscdk.Fn_Join(jsii.String(`","`), p.audience.ValueAsList())},
			JWKSURL:      *p.jwksURL.ValueAsString(),
			Origins:      []string{*awscdk.Fn_Join(jsii.String(`","`), p.webOrigins.ValueAsList())},
			SubjectClaim: *p.subjectClaim.ValueAsString(), TenantClaim: *p.tenantClaim.ValueAsString(),
		},
		Architecture: o.Architecture,
		Authorizer:   constructs.FunctionProps{Code: p.code(jsii.String(function("authorizer").zip()))},
		Router:       constructs.FunctionProps{Code: p.code(p.routerPackage.ValueAsString())},
		Dispatcher:   constructs.FunctionProps{Code: p.code(jsii.String(function("dispatcher").zip()))},
		Processor:    constructs.FunctionProps{Code: p.code(p.processorPackage.ValueAsString())},
		Reconciler:   constructs.FunctionProps{Code: p.code(jsii.String(function("reconciler").zip()))},
	})
	s.GrantReadRequests(s.Processor) // the sample report is about them
	s.Outputs(stack)
	board := dashboards.New(stack, "Dashboard", s)
	board.Outputs(stack)
	name := *awscdk.Aws_STACK_NAME() + "-" + *awscdk.Aws_REGION() // one account has the dashboards of all its regions
	override(board.Overview, "DashboardName", jsii.String(name))
	override(board.Detail, "DashboardName", jsii.String(name+"-Detail"))
	p.apply(stack, s)
	p.choose(s)
	return stack
}

// code is a package below the prefix in the bucket.
func (p *parameters) code(file *string) awslambda.Code {
	code := awslambda.Code_FromBucketV2(p.artifacts, jsii.String(*p.artifactPrefix.ValueAsString()+*file), nil)
	awscdk.Annotations_Of(p.artifacts).AcknowledgeWarning(jsii.String("@aws-cdk/aws-lambda:codeFromBucketObjectVersionNotSpecified"),
		jsii.String("each version has a prefix of its own, and so keys of its own, by which CloudFormation tells that the code is another"))
	return code
}

// apply puts parameters where the props of the constructs take numbers and lists that are
// known at synth.
func (p *parameters) apply(stack awscdk.Stack, s *constructs.StreamerConstruct) {
	override(s.ProcessorSource, "ScalingConfig.MaximumConcurrency", p.maxConcurrency.ValueAsNumber())
	setting(s, s.Processor, "MemorySize", p.processorMemory.ValueAsNumber())
	override(s.Stage, "DefaultRouteSettings.ThrottlingRateLimit", p.throttleRate.ValueAsNumber())
	override(s.Stage, "DefaultRouteSettings.ThrottlingBurstLimit", p.throttleBurst.ValueAsNumber())
	override(s.Files, "LifecycleConfiguration.Rules.0.ExpirationInDays", p.fileRetention.ValueAsNumber())
	actions := awscdk.Fn_ConditionIf(p.hasAlarmTopic.LogicalId(), []*string{p.alarmTopic.ValueAsString()}, awscdk.Aws_NO_VALUE())
	for _, child := range *stack.Node().FindAll(awsconstructs.ConstructOrder_PREORDER) {
		resource, ok := child.(awscdk.CfnResource)
		if !ok {
			continue
		}
		switch *resource.CfnResourceType() {
		case "AWS::Logs::LogGroup":
			resource.AddPropertyOverride(jsii.String("RetentionInDays"), p.logRetention.ValueAsString())
		case "AWS::CloudWatch::Alarm":
			resource.AddPropertyOverride(jsii.String("AlarmActions"), actions)
			resource.AddPropertyOverride(jsii.String("OKActions"), actions)
		}
	}
}

// override sets a property of a construct's own resource.
func override(construct awsconstructs.IConstruct, property string, value any) {
	construct.Node().DefaultChild().(awscdk.CfnResource).AddPropertyOverride(jsii.String(property), value)
}
