// The app of a team that uses Streamer in a stack of its own, with a handler of its own:
//
//	go tool stage up      # a local stage, no account needed
//	npx cdk deploy        # or AWS
package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Primes"), nil)
	s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Router:    constructs.FunctionProps{ImportPath: "example.com/primes/cmd/router"},
		Processor: constructs.FunctionProps{ImportPath: "example.com/primes/cmd/processor"},
	})
	s.Outputs(stack)
	dashboards.New(stack, "Dashboard", s)
	app.Synth(nil)
}
