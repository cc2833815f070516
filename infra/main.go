// The app that deploys Streamer as it is, with the sample actions:
//
//	npx cdk deploy -c stage=dev -c issuer=… -c audience=…
//
// Package stages says what a stage is.
package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/infra/stages"
)

func main() {
	defer jsii.Close()
	app := awscdk.NewApp(nil)
	if _, err := stages.Add(app, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		os.Exit(1)
	}
	app.Synth(nil)
}
