// The app that is benchmarked: the local stage as it is, and beside it the functions of
// package bare, of which one stands behind a WebSocket API of its own.
package main

import (
	"os"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/infra/kernel"
	"github.com/pay-theory/streamer/infra/stages"
)

func main() { kernel.Run("bench", synth) }

func synth() error {
	app := awscdk.NewApp(nil)
	stack, err := stages.Add(app, os.Getenv)
	if err != nil {
		return err
	}
	addBare(stack)
	app.Synth(nil)
	return nil
}

// addBare adds what Streamer is compared with. The output BareApiPath is the end of its
// API's address on the local stage.
func addBare(stack awscdk.Stack) {
	functions := map[string]awslambda.Function{}
	for _, name := range []string{"Authorizer", "Router", "Dispatcher", "Processor", "Reconciler"} {
		functions[name] = constructs.NewGoFunction(stack, "Bare"+name, &constructs.GoFunctionProps{FunctionProps: constructs.FunctionProps{
			ImportPath: "github.com/pay-theory/streamer/bench/bare/" + strings.ToLower(name),
		}})
	}
	api := awsapigatewayv2.NewWebSocketApi(stack, jsii.String("BareApi"), &awsapigatewayv2.WebSocketApiProps{
		DefaultRouteOptions: &awsapigatewayv2.WebSocketRouteOptions{
			Integration: awsapigatewayv2integrations.NewWebSocketLambdaIntegration(jsii.String("Integration"), functions["Router"], nil),
		},
	})
	stage := awsapigatewayv2.NewWebSocketStage(stack, jsii.String("BareStage"), &awsapigatewayv2.WebSocketStageProps{
		WebSocketApi: api, StageName: jsii.String("bare"), AutoDeploy: jsii.Bool(true),
	})
	stage.GrantManagementApiAccess(functions["Router"])
	awscdk.NewCfnOutput(stack, jsii.String("BareApiPath"), &awscdk.CfnOutputProps{
		Value: awscdk.Fn_Join(jsii.String("/"), &[]*string{api.ApiId(), stage.StageName()}),
	})
}
