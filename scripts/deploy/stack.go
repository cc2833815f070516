package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/pay-theory/streamer/internal/resources"
)

// deployable says in which state a stack is, or why it cannot be deployed to
// (CloudFormation user guide, "Understand CloudFormation stack creation events").
func deployable(stack *types.Stack) (string, error) {
	if stack == nil {
		return "new", nil
	}
	name := aws.ToString(stack.StackName)
	switch status := stack.StackStatus; {
	case status == types.StackStatusReviewInProgress:
		return "new", nil
	case status == types.StackStatusRollbackComplete || status == types.StackStatusCreateFailed || status == types.StackStatusRollbackFailed:
		return fmt.Sprintf("never came up (%s): the CDK removes what is left of it and makes it anew", status), nil
	case status == types.StackStatusUpdateRollbackFailed:
		return "", fmt.Errorf("%s could be neither updated nor brought back (%s): see why in its events, then\n  aws cloudformation continue-update-rollback --stack-name %[1]s", name, status)
	case status == types.StackStatusDeleteFailed:
		return "", fmt.Errorf("%s is half removed (%s): finish that first with make destroy", name, status)
	case strings.HasSuffix(string(status), "_IN_PROGRESS"):
		return "", fmt.Errorf("%s is being changed by somebody (%s): wait until that is over", name, status)
	default:
		return fmt.Sprintf("is there (%s)", status), nil
	}
}

// afterFailure says what a failed deployment left.
func afterFailure(stack *types.Stack) string {
	if stack == nil {
		return "nothing was deployed"
	}
	switch status := stack.StackStatus; status {
	case types.StackStatusUpdateRollbackComplete, types.StackStatusUpdateComplete, types.StackStatusCreateComplete:
		return fmt.Sprintf("the version before it runs (%s)", status)
	case types.StackStatusRollbackComplete:
		return fmt.Sprintf("it never came up, and what it had made is gone, but for tables and buckets that are kept (%s)", status)
	default:
		return fmt.Sprintf("the stack is %s: see its events", status)
	}
}

// toolkit is the stack that cdk bootstrap makes.
const toolkit = "CDKToolkit"

// bootstrapped returns the version of the bootstrap stack, 0 if there is none.
func bootstrapped(ctx context.Context, client *cloudformation.Client) (int, error) {
	stack, err := resources.Describe(ctx, client, toolkit)
	if err != nil || stack == nil {
		return 0, err
	}
	version, err := strconv.Atoi(resources.Outputs(stack)["BootstrapVersion"])
	if err != nil {
		return 0, nil // one that never came up has no outputs
	}
	return version, nil
}
