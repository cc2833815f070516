package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/pay-theory/streamer/internal/contract"
)

// The tag of a stack that may be filled with made-up data.
const (
	tagKey   = "demo-data"
	tagValue = "allowed"
)

// stage is what the set-up needs to know of one.
type stage struct {
	stack                 string
	requests, connections string // names of tables
}

// readStage finds the stage in what cdk deploy --outputs-file wrote.
func readStage(path string) (stage, error) {
	if path == "" {
		return stage{}, errors.New("STREAMER_OUTPUTS is not set: it names the file that cdk deploy --outputs-file wrote")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return stage{}, fmt.Errorf("read stack outputs: %w", err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		return stage{}, fmt.Errorf("read stack outputs: %w", err)
	}
	for name, outputs := range stacks {
		s := stage{name, outputs[contract.OutputRequestsTable], outputs[contract.OutputConnectionsTable]}
		if s.requests != "" && s.connections != "" {
			return s, nil
		}
	}
	return stage{}, fmt.Errorf("read stack outputs: no stack in %s has %s and %s", path, contract.OutputRequestsTable, contract.OutputConnectionsTable)
}

// mayBeFilled refuses a stage whose stack is not tagged for it.
func (s stage) mayBeFilled(ctx context.Context, client *cloudformation.Client) error {
	out, err := client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &s.stack})
	if err != nil {
		return fmt.Errorf("look at the stage: %w", err)
	}
	for _, stack := range out.Stacks {
		for _, tag := range stack.Tags {
			if aws.ToString(tag.Key) == tagKey && aws.ToString(tag.Value) == tagValue {
				return nil
			}
		}
	}
	return fmt.Errorf("stack %s is not tagged %s = %s: this stage is not for made-up data", s.stack, tagKey, tagValue)
}
