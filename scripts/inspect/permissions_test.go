package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logs"
)

// What a function needs depends on how it was made.
func TestNeedsOfAFunction(t *testing.T) {
	processes := map[string]string{contract.EnvWorkQueueURL: "https://sqs.eu-west-1.amazonaws.com/1/q", contract.EnvCallbackEndpoint: "https://a"}
	for what, c := range map[string]struct {
		label    string
		settings map[string]string
		change   func(*lambda.GetFunctionConfigurationOutput)
		want     string // things, in their order
	}{
		"a router":             {"router", nil, nil, "connections table, requests table, requests by user, files, posts to connections, a function's own log"},
		"one that is traced":   {"authorizer", map[string]string{contract.EnvTracing: "{}"}, nil, "a function's own log, any resource"},
		"a worker's processor": {"resize2", processes, nil, "requests table, connections table, files, posts to connections, a processor's own queue, a function's own log"},
		"none of Streamer's":   {"Mine", map[string]string{contract.EnvRequestsTable: "t"}, nil, ""},
		"one with a key":       {"authorizer", nil, func(f *lambda.GetFunctionConfigurationOutput) { f.KMSKeyArn = aws.String("arn:key") }, "a function's own log, key"},
		"one that is in a VPC": {"authorizer", nil, func(f *lambda.GetFunctionConfigurationOutput) {
			f.VpcConfig = &types.VpcConfigResponse{VpcId: aws.String("vpc-1")}
		}, "a function's own log, any resource"},
		"one that left its VPC": {"authorizer", nil, func(f *lambda.GetFunctionConfigurationOutput) { f.VpcConfig = &types.VpcConfigResponse{} }, "a function's own log"},
	} {
		f := &lambda.GetFunctionConfigurationOutput{Environment: &types.EnvironmentResponse{Variables: c.settings}}
		if c.change != nil {
			c.change(f)
		}
		all, known := needs(logs.Group{Label: c.label}, f)
		var things []string
		for _, n := range all {
			things = append(things, string(n.On))
		}
		if got := strings.Join(things, ", "); known != (c.want != "") || known && got != c.want {
			t.Errorf("%s needs %s, %t", what, got, known)
		}
	}
	keyed := &lambda.GetFunctionConfigurationOutput{KMSKeyArn: aws.String("arn:key")}
	all, _ := needs(logs.Group{Label: "router"}, keyed)
	if i := slices.IndexFunc(all, func(n contract.Permission) bool { return n.On == contract.OnKey }); i < 0 || !slices.Equal(all[i].Actions, []string{"kms:Decrypt", "kms:GenerateDataKey"}) {
		t.Errorf("a router with a key needs %v", all)
	}
	if got := new(patient).arnsOf(contract.OnKey, nil, logs.Group{}, keyed); !slices.Equal(got, []string{"arn:key"}) {
		t.Errorf("the key is %v", got)
	}
}

// What to do about a missing permission depends on what keeps it away.
func TestRemedies(t *testing.T) {
	for want, m := range map[string]missing{
		"put it into the inline policy of the role R again": {}, "a statement in a policy of the role R denies it": {denied: true},
		"the permissions boundary of the role R forbids it": {boundary: true}, "a policy of the organization (SCP) forbids it": {denied: true, organization: true},
	} {
		if got := m.remedy("arn:aws:iam::1:role/path/R"); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
