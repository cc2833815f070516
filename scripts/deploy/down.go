package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/resources"
)

// down removes a stage, but for what its template keeps.
func down(ctx context.Context, c command, at place.Place, term terminal) error {
	client := cloudformation.NewFromConfig(at.Config)
	stack, err := resources.Describe(ctx, client, c.stack())
	if err != nil {
		return err
	}
	if stack == nil {
		fmt.Fprintf(term.out, "there is no stack %s in %s\n", c.stack(), at)
		return nil
	}
	if aws.ToBool(stack.EnableTerminationProtection) {
		return fmt.Errorf("%s is protected from termination. If it must go, lift that first:\n"+
			"  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name %[1]s", c.stack())
	}
	holds, err := holdingsOf(ctx, client, c.stack())
	if err != nil {
		return err
	}
	fmt.Fprintln(term.out, "what will be done")
	term.say("where", "%s", at)
	var obstacles []string
	for _, h := range holds {
		content, obstacle, err := h.look(ctx, at)
		if err != nil {
			return err
		}
		fate := "goes"
		if h.kept {
			fate = "stays"
		}
		term.say(fate, "%s %s%s", h.kind(), h.name, content)
		if obstacle != "" && !h.kept {
			obstacles = append(obstacles, obstacle)
		}
	}
	term.say("goes", "all else of %s: functions and their other logs, queues, the API, alarms, dashboard", c.stack())
	if len(obstacles) > 0 {
		return fmt.Errorf("AWS would not remove it as it is:\n  %s", strings.Join(obstacles, "\n  "))
	}
	if err := c.ask(term, "To go on, type the stage's name:", c.stage); err != nil {
		return err
	}
	if err := cdk(ctx, at, term, append([]string{"destroy", "--force"}, c.fromApp()...)...); err != nil {
		return err
	}
	left, err := resources.Describe(ctx, client, c.stack())
	if err != nil {
		return err
	}
	if left != nil && left.StackStatus != types.StackStatusDeleteComplete {
		return fmt.Errorf("%s is still there (%s): see its events", c.stack(), left.StackStatus)
	}
	fmt.Fprintln(term.out, "\nremoved", c.stack())
	for _, h := range holds {
		if h.kept {
			term.say("stays", "%s %s, and costs, until you remove it yourself", h.kind(), h.name)
		}
	}
	return nil
}

// holding is a resource that holds what was stored: a table, a bucket, or a log that stays, as
// those with an audit log in them do.
type holding struct {
	resourceType, name string
	kept               bool
}

// holdingsOf are those of a deployed stack, by its template.
func holdingsOf(ctx context.Context, client *cloudformation.Client, stack string) ([]holding, error) {
	got, err := client.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &stack})
	if err != nil {
		return nil, fmt.Errorf("read the template of %s: %w", stack, err)
	}
	var t template
	if err := json.Unmarshal([]byte(aws.ToString(got.TemplateBody)), &t); err != nil {
		return nil, fmt.Errorf("read the template of %s: %w", stack, err)
	}
	var holds []holding
	pages := cloudformation.NewListStackResourcesPaginator(client, &cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the resources of %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			h := holding{aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId), kept(t.Resources[aws.ToString(r.LogicalResourceId)].DeletionPolicy)}
			if h.kind() != "" && h.name != "" && r.ResourceStatus != types.ResourceStatusDeleteComplete {
				holds = append(holds, h)
			}
		}
	}
	slices.SortFunc(holds, func(a, b holding) int { return strings.Compare(a.name, b.name) })
	return holds, nil
}

func (h holding) kind() string {
	switch h.resourceType {
	case "AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table":
		return "table"
	case "AWS::S3::Bucket":
		return "bucket"
	case "AWS::Logs::LogGroup":
		if h.kept {
			return "log"
		}
	}
	return ""
}

// look says what is in it, and what to do before AWS would remove it.
func (h holding) look(ctx context.Context, at place.Place) (content, obstacle string, err error) {
	switch h.kind() {
	case "log":
		return "", "", nil
	case "table":
		out, err := dynamodb.NewFromConfig(at.Config).DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &h.name})
		if err != nil {
			return "", "", fmt.Errorf("look into table %s: %w", h.name, err)
		}
		return fmt.Sprintf(", about %d items (AWS counts every six hours)", aws.ToInt64(out.Table.ItemCount)), "", nil
	}
	client := s3.NewFromConfig(at.Config, func(o *s3.Options) { o.UsePathStyle = at.Emulator != "" })
	out, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &h.name, MaxKeys: aws.Int32(1)})
	if err != nil {
		return "", "", fmt.Errorf("look into bucket %s: %w", h.name, err)
	}
	if len(out.Contents) == 0 {
		return ", empty", "", nil
	}
	return ", with objects", fmt.Sprintf("bucket %s has objects, and AWS removes only an empty one: aws s3 rm --recursive s3://%[1]s", h.name), nil
}
