// Command release writes a release of Streamer for teams without a CDK app in Go: see
// package release for what is in it.
//
//	go run ./infra/cmd/release [-arch arm64] -version v1.2.3 DIR
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"

	"github.com/pay-theory/streamer/infra/kernel"
	"github.com/pay-theory/streamer/infra/release"
)

func main() { kernel.Run("release", func() error { return run(os.Args[1:]) }) }

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "of the release, such as v1.2.3")
	arch := flags.String("arch", "arm64", "of the functions, arm64 or x86_64")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o := release.Options{Root: ".", Version: *version}
	switch *arch {
	case "arm64":
		o.Architecture = awslambda.Architecture_ARM_64()
	case "x86_64":
		o.Architecture = awslambda.Architecture_X86_64()
	default:
		return fmt.Errorf("-arch is %s: give arm64 or x86_64", *arch)
	}
	if *version == "" || flags.NArg() != 1 {
		return errors.New("give -version and a directory")
	}
	if err := release.Make(flags.Arg(0), o); err != nil {
		return err
	}
	fmt.Printf("release %s in %s\n", *version, flags.Arg(0))
	return nil
}
