// Command two is another app of the same team: a stack with two Streamers, one for
// customers and one for the team's own batch jobs, in two stages.
//
//	go tool stage up --app 'go run ./two' --stack 'Dev/*'
package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	for _, stage := range []struct {
		name         string
		architecture awslambda.Architecture
	}{
		{"Dev", awslambda.Architecture_X86_64()}, // as the team's machines
		{"Prod", awslambda.Architecture_ARM_64()},
	} {
		stack := awscdk.NewStack(awscdk.NewStage(app, jsii.String(stage.name), nil), jsii.String("Primes"), nil)
		for _, id := range []string{"Customers", "Batch"} {
			constructs.NewStreamer(stack, id, &constructs.StreamerProps{
				Architecture: stage.architecture,
				Router:       constructs.FunctionProps{ImportPath: "example.com/primes/cmd/router"},
				Processor:    constructs.FunctionProps{ImportPath: "example.com/primes/cmd/processor"},
			})
		}
	}
	app.Synth(nil)
}
