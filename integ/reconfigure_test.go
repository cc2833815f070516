package integ_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/pay-theory/streamer/internal/contract"
)

// reconfigure runs a function with other settings until the test ends: its alias leads to the
// function as it is then, and not to the version that was deployed.
func reconfigure(t *testing.T, s *stage, function string, change func(before *lambda.GetFunctionConfigurationOutput, set *lambda.UpdateFunctionConfigurationInput)) {
	t.Helper()
	cfg := awsConfig(t)
	client, name := lambda.NewFromConfig(cfg), resourceOf(t, cfg, s, "AWS::Lambda::Function", function+"Function")
	before, err := client.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	live, err := client.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &name, Name: aws.String(contract.Alias)})
	if err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, set *lambda.UpdateFunctionConfigurationInput, version *string) {
		_, err := client.UpdateFunctionConfiguration(ctx, set)
		_, moved := client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &name, Name: live.Name, FunctionVersion: version})
		if err := errors.Join(err, moved); err != nil {
			t.Errorf("reconfigure %s: %v", name, err)
		}
	}
	t.Cleanup(func() {
		run(context.WithoutCancel(t.Context()), &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &name, Timeout: before.Timeout, Environment: &lambdatypes.Environment{Variables: before.Environment.Variables},
		}, live.FunctionVersion)
	})
	set := &lambda.UpdateFunctionConfigurationInput{FunctionName: &name}
	change(before, set)
	run(t.Context(), set, aws.String("$LATEST"))
}
