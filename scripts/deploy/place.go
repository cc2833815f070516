package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// place is where a stage is deployed to, and as whom.
type place struct {
	config  aws.Config
	account string
	caller  string // ARN
	// emulator is the address that stands in for AWS; empty for an account.
	emulator string
}

// locate finds out. Its errors say what to set.
func locate(ctx context.Context) (place, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return place{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return place{}, errors.New("no region: set AWS_REGION, or give the profile that AWS_PROFILE names one")
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return place{}, fmt.Errorf("no credentials: log in (aws sso login, aws configure), or set AWS_PROFILE: %w", err)
	}
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return place{}, fmt.Errorf("these credentials do not say whose they are: log in again, or set AWS_PROFILE: %w", err)
	}
	return place{config: cfg, account: aws.ToString(who.Account), caller: aws.ToString(who.Arn), emulator: os.Getenv("AWS_ENDPOINT_URL")}, nil
}

func (p place) String() string {
	text := fmt.Sprintf("account %s, region %s, as %s", p.account, p.config.Region, p.caller)
	if p.emulator != "" {
		text += ", at " + p.emulator
	}
	return text
}

// environment is the CDK's name for an account and region.
func (p place) environment() string { return "aws://" + p.account + "/" + p.config.Region }

// dashboard is where a browser shows one.
func (p place) dashboard(name string) string {
	domain := "console.aws.amazon.com"
	if strings.HasPrefix(p.config.Region, "cn-") {
		domain = "console.amazonaws.cn"
	}
	return fmt.Sprintf("https://%s.%s/cloudwatch/home?region=%[1]s#dashboards/dashboard/%[3]s", p.config.Region, domain, name)
}
