package main

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

// stage is the deployed Streamer that is asked.
type stage struct {
	place.Stage
	socket   string // the WebSocket's URL
	callback string // where posts to connections go
	token    string
}

func newStage(ctx context.Context) (*stage, error) {
	found, err := place.FindStage(ctx, os.Getenv(outputs.Variable))
	if err != nil {
		return nil, err
	}
	s := &stage{Stage: found, token: os.Getenv("STREAMER_TOKEN")}
	if s.token == "" {
		return nil, errors.New("STREAMER_TOKEN is not set: give a token that the stage accepts")
	}
	// The local stage's own addresses stand beside the outputs.
	s.socket = cmp.Or(os.Getenv("STREAMER_WS_URL"), s.Stack.Values[contract.OutputWebSocketURL])
	s.callback = cmp.Or(os.Getenv(contract.EnvCallbackEndpoint), s.Stack.Values[contract.OutputCallbackURL])
	return s, nil
}

// where says what is asked.
func (s *stage) where() string {
	if s.Emulator != "" {
		return "the local stage at " + s.Emulator + ": what is seen here says nothing about AWS"
	}
	return s.Place.String()
}

// reach returns how to connect to a WebSocket API: its own address, or on the local stage
// the front's for it.
func (s *stage) reach(address string) string {
	front, isLocal := strings.CutPrefix(s.Emulator, "http://")
	u, err := url.Parse(address)
	if err != nil || !isLocal {
		return address
	}
	api, _, _ := strings.Cut(u.Host, ".")
	return "ws://" + front + "/_aws/execute-api/" + api + u.Path
}
