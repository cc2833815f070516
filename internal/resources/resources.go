// Package resources lists what a stack is made of, for tools and tests.
package resources

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
)

// Resource is one of a stack's: Type is CloudFormation's, LogicalID the template's name for
// it, ID the service's.
type Resource struct{ Type, LogicalID, ID string }

// Of lists the resources of a stack, those of one type or, if that is empty, all.
func Of(ctx context.Context, cfg aws.Config, stack, ofType string) ([]Resource, error) {
	var all []Resource
	pages := cloudformation.NewListStackResourcesPaginator(cloudformation.NewFromConfig(cfg), &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list resources of %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			one := Resource{aws.ToString(r.ResourceType), aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId)}
			if ofType == "" || one.Type == ofType {
				all = append(all, one)
			}
		}
	}
	return all, nil
}
