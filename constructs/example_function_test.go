package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Any function may have more memory, a layer or other variables; a role's boundary is said
// once.
func ExampleFunctionProps() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	telemetry := awslambda.LayerVersion_FromLayerVersionArn(stack, jsii.String("Telemetry"),
		jsii.String("arn:aws:lambda:eu-west-1:111122223333:layer:telemetry:7"))
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Processor: constructs.FunctionProps{
			ImportPath: "example.com/shop/cmd/processor",
			MemoryMB:   3008,
			Layers:     []awslambda.ILayerVersion{telemetry},
		},
		Dispatcher: constructs.FunctionProps{MemoryMB: 512},
		PermissionsBoundary: awsiam.ManagedPolicy_FromManagedPolicyArn(stack, jsii.String("Boundary"),
			jsii.String("arn:aws:iam::111122223333:policy/Boundary")),
	})
}

// What no prop is for is set on what was made: by a method of the CDK, or by name on the
// resource of CloudFormation behind it.
func ExampleStreamerConstruct() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	streamer := constructs.NewStreamer(stack, "Streamer", nil)

	streamer.Processor.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("bedrock:InvokeModel"), Resources: jsii.Strings("arn:aws:bedrock:eu-west-1::foundation-model/example"),
	}))
	processor := streamer.Processor.Node().DefaultChild().(awslambda.CfnFunction)
	processor.AddPropertyOverride(jsii.String("EphemeralStorage.Size"), 4096)
	stage := streamer.Stage.Node().DefaultChild().(awsapigatewayv2.CfnStage)
	stage.SetDescription(jsii.String("Orders of the shop"))
}

// An authorizer of one's own, built and watched over as Streamer's functions are.
func ExampleNewGoFunction() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	mine := constructs.NewGoFunction(stack, "Authorizer", &constructs.GoFunctionProps{
		FunctionProps: constructs.FunctionProps{ImportPath: "example.com/shop/cmd/authorizer"},
	})
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{Authorizer: mine}})
}
