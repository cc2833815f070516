package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/internal/resources"
)

//go:embed apparatus.yaml
var template string

const (
	apparatusName = "streamer-account-probe"
	deployTime    = 5 * time.Minute
)

// withApparatus deploys apparatus.yaml, has a look at its outputs, and takes it away again.
func (s *stage) withApparatus(ctx context.Context, see func(outputs map[string]string) (answer, error)) (a answer, err error) {
	stacks := cloudformation.NewFromConfig(s.Config)
	_, err = stacks.CreateStack(ctx, &cloudformation.CreateStackInput{
		StackName: aws.String(apparatusName), TemplateBody: &template,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam}, OnFailure: types.OnFailureDelete,
	})
	if err != nil {
		return a, fmt.Errorf("deploy the stack %s: %w", apparatusName, err)
	}
	defer func() {
		_, gone := stacks.DeleteStack(context.WithoutCancel(ctx), &cloudformation.DeleteStackInput{StackName: aws.String(apparatusName)})
		err = errors.Join(err, gone)
	}()
	made, err := cloudformation.NewStackCreateCompleteWaiter(stacks).WaitForOutput(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(apparatusName)}, deployTime)
	if err != nil {
		return a, fmt.Errorf("deploy the stack %s: %w", apparatusName, err)
	}
	return see(resources.Outputs(&made.Stacks[0]))
}

// withAPI connects to its WebSocket API.
func (s *stage) withAPI(ctx context.Context, see func(*socket) (answer, error)) (answer, error) {
	return s.withApparatus(ctx, func(outputs map[string]string) (answer, error) {
		c, err := dial(ctx, s.reach(outputs["Url"]), &websocket.DialOptions{})
		if err != nil {
			return answer{}, err
		}
		defer c.CloseNow()
		return see(c)
	})
}

// authorizerContext sends some messages, each of which is answered with the context that
// came with it.
func authorizerContext(ctx context.Context, s *stage) (answer, error) {
	return s.withAPI(ctx, func(c *socket) (a answer, err error) {
		a.agrees = true
		for range 3 {
			if err := c.Write(ctx, websocket.MessageText, []byte(`{"action":"context"}`)); err != nil {
				return a, err
			}
			m, err := c.next(ctx)
			if err != nil {
				return a, err
			}
			a.seen = m.raw
			var got struct{ Sub, Tenant, Exp string }
			if json.Unmarshal([]byte(m.raw), &got) != nil || got.Sub != "ann" || got.Tenant != "acme" || got.Exp != "4102444800" {
				a.agrees = false
			}
		}
		return a, nil
	})
}

// emptyAnswer sends a message that is answered without a body, and one that shows the end
// of the wait.
func emptyAnswer(ctx context.Context, s *stage) (answer, error) {
	return s.withAPI(ctx, func(c *socket) (answer, error) {
		if err := c.Write(ctx, websocket.MessageText, []byte("nothing")); err != nil {
			return answer{}, err
		}
		time.Sleep(3 * time.Second) // two messages at once may overtake each other
		if err := c.Write(ctx, websocket.MessageText, []byte(`{"action":"context"}`)); err != nil {
			return answer{}, err
		}
		m, err := c.next(ctx)
		if err != nil {
			return answer{}, err
		}
		if m.raw == "" {
			return answer{"an empty message", true}, nil
		}
		if m.ConnectionID != "" {
			return answer{"a message of API Gateway's own: " + m.raw, false}, nil
		}
		return answer{"no message", true}, nil
	})
}
