package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

// stage is the deployed Streamer that is asked.
type stage struct {
	outputs  outputs.Stack
	aws      aws.Config
	socket   string // the WebSocket's URL
	callback string // where posts to connections go
	token    string
	local    string // where the local stage answers AWS calls; empty for an account
}

func newStage(ctx context.Context) (*stage, error) {
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	s := &stage{outputs: stack, aws: cfg, token: os.Getenv("STREAMER_TOKEN"), local: os.Getenv("AWS_ENDPOINT_URL")}
	if s.token == "" {
		return nil, errors.New("STREAMER_TOKEN is not set: give a token that the stage accepts")
	}
	// The local stage's own addresses stand beside the outputs.
	s.socket = cmp.Or(os.Getenv("STREAMER_WS_URL"), stack.Values[contract.OutputWebSocketURL])
	s.callback = cmp.Or(os.Getenv(contract.EnvCallbackEndpoint), stack.Values[contract.OutputCallbackURL])
	return s, nil
}

// where says what is asked.
func (s *stage) where() string {
	if s.local != "" {
		return "the local stage at " + s.local + ": what is seen here says nothing about AWS"
	}
	return "region " + s.aws.Region
}

// reach returns how to connect to a WebSocket API: its own address, or on the local stage
// the front's for it.
func (s *stage) reach(address string) string {
	front, isLocal := strings.CutPrefix(s.local, "http://")
	u, err := url.Parse(address)
	if err != nil || !isLocal {
		return address
	}
	api, _, _ := strings.Cut(u.Host, ".")
	return "ws://" + front + "/_aws/execute-api/" + api + u.Path
}
