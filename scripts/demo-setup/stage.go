package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// The tag of a stack that may be filled with made-up data.
const (
	tagKey   = "demo-data"
	tagValue = "allowed"
)

// mayBeFilled refuses a stack that is not tagged for it.
func mayBeFilled(ctx context.Context, client *cloudformation.Client, stack string) error {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return fmt.Errorf("look at the stage: %w", err)
	}
	for _, described := range out.Stacks {
		for _, tag := range described.Tags {
			if aws.ToString(tag.Key) == tagKey && aws.ToString(tag.Value) == tagValue {
				return nil
			}
		}
	}
	return fmt.Errorf("stack %s is not tagged %s = %s: this stage is not for made-up data", stack, tagKey, tagValue)
}
