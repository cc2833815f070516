package stages

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
)

// Add adds to app the stack of the stage that the context names. getenv looks up
// environment variables: account and region as the CDK CLI sets them, and the
// authorization (see auth).
func Add(app awscdk.App, getenv func(string) string) (awscdk.Stack, error) {
	setting := func(key, variable string) string {
		if value, ok := app.Node().TryGetContext(jsii.String(key)).(string); ok {
			return value
		}
		return getenv(variable)
	}
	name := setting("stage", "STREAMER_STAGE")
	if name == "" {
		name = defaultStage
	}
	stage, err := find(name)
	if err != nil {
		return nil, err
	}
	auth, err := auth(setting)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", name, err)
	}
	return newStack(app, name, stage, auth, getenv), nil
}

func newStack(scope awsconstructs.Construct, name string, stage Stage, auth *constructs.AuthProps, getenv func(string) string) awscdk.Stack {
	stack := awscdk.NewStack(scope, jsii.String("Streamer-"+name), &awscdk.StackProps{
		Description:           jsii.String("Streamer, stage " + name + ": long requests over WebSockets, with progress"),
		Env:                   environment(getenv),
		TerminationProtection: jsii.Bool(stage.TerminationProtection),
		Tags:                  &map[string]*string{"application": jsii.String("streamer"), "stage": jsii.String(name)},
	})
	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth:           auth,
		MaxConcurrency: stage.MaxConcurrency,
		Clocks:         stage.Clocks,
		RemovalPolicy:  stage.RemovalPolicy,
		LogRetention:   stage.LogRetention,
	})
	streamer.Outputs(stack)
	dashboards.New(stack, "Dashboard", streamer).Outputs(stack)
	return stack
}

// environment is the account and region that the CDK CLI found, nil if none.
func environment(getenv func(string) string) *awscdk.Environment {
	account, region := getenv("CDK_DEFAULT_ACCOUNT"), getenv("CDK_DEFAULT_REGION")
	if account == "" || region == "" {
		return nil
	}
	return &awscdk.Environment{Account: jsii.String(account), Region: jsii.String(region)}
}
