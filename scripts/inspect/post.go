package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
)

// testFrame is what a client ignores: a frame of a type that the protocol does not have.
func testFrame(ms int64) map[string]any {
	return map[string]any{"type": "test", "message": "an operator's test message", "ts": ms}
}

type posted struct {
	Connection string          `json:"connection_id"`
	Frame      json.RawMessage `json:"frame"`
}

func postCommand(*flag.FlagSet) task {
	return func(ctx context.Context, s *session, args []string) error {
		id := args[0]
		frame, err := json.Marshal(testFrame(s.now.UnixMilli()))
		if err != nil {
			return err
		}
		if len(args) > 1 {
			if frame = []byte(args[1]); !json.Valid(frame) {
				return usageError{fmt.Errorf("%q is no JSON: clients read nothing else", args[1])}
			}
		}
		s.head()
		if !s.json {
			fmt.Fprintf(s.out, "to connection %s\n  %s\n", plain(id), frame)
		}
		if err := s.confirm("Send it?"); err != nil {
			return err
		}
		if _, err := s.posts.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: frame}); err != nil {
			return fmt.Errorf("post to connection %s: %w", id, explain(err))
		}
		return s.tell(posted{id, frame}, func(out io.Writer) error {
			fmt.Fprintln(out, "API Gateway took it.")
			return nil
		})
	}
}

// explain says what an answer of API Gateway's about a connection means.
func explain(err error) error {
	switch {
	case isGone(err):
		return errors.New("there is no such connection any more: its client has left")
	case denied(err):
		return fmt.Errorf("these credentials lack execute-api:ManageConnections on the stage: %w", err)
	}
	return err
}
