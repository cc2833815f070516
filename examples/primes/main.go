// The app of a team that uses Streamer in a stack of its own, with handlers of its own:
//
//	go tool stage up      # a local stage, no account needed; again after a change
//	npx cdk deploy        # or AWS, once StreamerProps.Auth says whose tokens count
package main

import (
	"example.com/primes/primes"
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Primes"), nil)
	operators := awssns.NewTopic(stack, jsii.String("Operators"), nil)
	s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Router:    constructs.FunctionProps{ImportPath: "example.com/primes/cmd/router"},
		Processor: constructs.FunctionProps{ImportPath: "example.com/primes/cmd/processor"},
		Workers: []constructs.WorkerProps{{
			Name:      "factoring",
			Actions:   []string{primes.Factor.Name},
			Processor: constructs.FunctionProps{MemoryMB: 1769}, // a whole processor ("Configure Lambda function memory")
		}},
		Alarms: &constructs.AlarmProps{Actions: []awscloudwatch.IAlarmAction{awscloudwatchactions.NewSnsAction(operators)}},
	})
	s.Outputs(stack)
	dashboards.New(stack, "Dashboard", s).Outputs(stack)
	app.Synth(nil)
}
