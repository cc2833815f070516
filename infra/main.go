// The app that deploys Streamer as it is, with the sample actions:
//
//	npx cdk deploy -c stage=dev -c issuer=… -c audience=…
//
// Package stages says what a stage is.
package main

import (
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/pay-theory/streamer/infra/kernel"
	"github.com/pay-theory/streamer/infra/stages"
)

func main() { kernel.Run("infra", synth) }

func synth() error {
	app := awscdk.NewApp(nil)
	if _, err := stages.Add(app, os.Getenv); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}
