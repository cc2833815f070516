// Package place finds out where a developer's program works: in which account and region, as
// whom, and on which stage.
package place

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"

	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/resources"
)

// Place is an account and region.
type Place struct {
	Config  aws.Config
	Account string
	Caller  string // whose credentials these are, an ARN
	// Emulator is the address that stands in for AWS; empty for an account.
	Emulator string
}

// Locate finds out. Its errors say what to set.
func Locate(ctx context.Context) (Place, error) {
	// What the SDK warns of, connections that it cannot keep, would stand among the lines of
	// an answer.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return Place{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return Place{}, errors.New("no region: set AWS_REGION, or give the profile that AWS_PROFILE names one")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return Place{}, fmt.Errorf("no credentials: log in (aws sso login, aws configure), or set AWS_PROFILE: %w", err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Place{}, fmt.Errorf("these credentials do not say whose they are: log in again, or set AWS_PROFILE: %w", err)
	}
	return Place{Config: cfg, Account: aws.ToString(who.Account), Caller: aws.ToString(who.Arn), Emulator: aws.ToString(cfg.BaseEndpoint)}, nil
}

// String implements fmt.Stringer.
func (p Place) String() string {
	text := fmt.Sprintf("account %s, region %s, as %s", p.Account, p.Config.Region, p.Caller)
	if p.Emulator != "" {
		text += ", at " + p.Emulator
	}
	return text
}

// Environment is the CDK's name for an account and region.
func (p Place) Environment() string { return "aws://" + p.Account + "/" + p.Config.Region }

// Dashboard is where a browser shows one.
func (p Place) Dashboard(name string) string {
	domain := "console.aws.amazon.com"
	if strings.HasPrefix(p.Config.Region, "cn-") {
		domain = "console.amazonaws.cn"
	}
	return fmt.Sprintf("https://%s.%s/cloudwatch/home?region=%[1]s#dashboards/dashboard/%[3]s", p.Config.Region, domain, name)
}

// Stage is a deployed Streamer.
type Stage struct {
	Place
	Stack outputs.Stack
}

// FindStage finds the stage whose outputs a file has: what cdk deploy --outputs-file wrote.
func FindStage(ctx context.Context, file string) (Stage, error) {
	stack, err := outputs.Read(file)
	if err != nil {
		return Stage{}, err
	}
	at, err := Locate(ctx)
	return Stage{at, stack}, err
}

// NamedStage finds the stage that is a stack of that name.
func NamedStage(ctx context.Context, name string) (Stage, error) {
	at, err := Locate(ctx)
	if err != nil {
		return Stage{}, err
	}
	stack, err := resources.Describe(ctx, cloudformation.NewFromConfig(at.Config), name)
	switch {
	case err != nil:
		return Stage{}, err
	case stack == nil:
		return Stage{}, fmt.Errorf("there is no stack %s in %s", name, at)
	}
	return Stage{at, outputs.Stack{Name: name, Values: resources.Outputs(stack)}}, nil
}
