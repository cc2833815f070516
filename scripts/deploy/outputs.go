package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/resources"
)

// outputsFile is where the outputs of the stage are kept, in the form of cdk deploy
// --outputs-file.
func (c command) outputsFile() string { return filepath.Join(folder, c.stage+".json") }

// writeOutputs fetches the outputs of a deployed stage.
func writeOutputs(ctx context.Context, c command, at place.Place, out io.Writer) error {
	stack, err := resources.Describe(ctx, cloudformation.NewFromConfig(at.Config), c.stack())
	if err != nil {
		return err
	}
	if stack == nil {
		return fmt.Errorf("there is no stack %s in %s", c.stack(), at)
	}
	if err := c.save(stack); err != nil {
		return err
	}
	fmt.Fprintln(out, c.outputsFile())
	return nil
}

func (c command) save(stack *types.Stack) error {
	text, err := json.MarshalIndent(map[string]map[string]string{c.stack(): resources.Outputs(stack)}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	if err := os.WriteFile(c.outputsFile(), append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the outputs: %w", err)
	}
	return nil
}
