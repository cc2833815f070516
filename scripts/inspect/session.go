package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

// session is one command's work on a stage.
type session struct {
	place.Stage
	terminal
	json, yes bool
	now       time.Time

	tables        *dynamodb.Client
	requests      store.Requests
	requestsTable string
	connections   store.DynamoConnections
	files         files.Bucket
	queues        *sqs.Client
	work, dead    string // URLs
	workers       queue.Workers
	hints         sender
	callback      string // the URL of posts
	posts         *apigatewaymanagementapi.Client

	headed bool
}

func newSession(at place.Stage, c chosen, t terminal) (*session, error) {
	var missing error
	need := func(key string) string {
		value, err := at.Stack.Need(key)
		missing = errors.Join(missing, err)
		return value
	}
	tables := dynamodb.NewFromConfig(at.Config)
	s := &session{
		Stage: at, terminal: t, json: c.json, yes: c.yes, now: time.Now(),
		tables:        tables,
		requestsTable: need(contract.OutputRequestsTable),
		connections:   store.DynamoConnections{Client: tables, Table: need(contract.OutputConnectionsTable)},
		files:         files.Bucket{Client: s3.NewFromConfig(at.Config), Name: need(contract.OutputFilesBucket)},
		queues:        sqs.NewFromConfig(at.Config),
		work:          need(contract.OutputWorkQueueURL),
		dead:          need(contract.OutputDeadLetterURL),
	}
	s.requests = store.DynamoRequests{Client: tables, Table: s.requestsTable}
	s.callback = need(contract.OutputCallbackURL)
	s.posts = apigatewaymanagementapi.NewFromConfig(at.Config, func(o *apigatewaymanagementapi.Options) { o.BaseEndpoint = &s.callback })
	if missing != nil {
		return nil, missing
	}
	var err error
	if s.workers, err = queue.ParseWorkers(at.Stack.Values[contract.OutputWorkers]); err != nil {
		return nil, fmt.Errorf("output %s: %w", contract.OutputWorkers, err)
	}
	s.hints = s.workers.Queues(queue.Work{Client: s.queues, URL: s.work})
	return s, nil
}

// where is what JSON says of the stage.
type where struct {
	Stack    string `json:"stack"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Caller   string `json:"caller"`
	Emulator string `json:"emulator,omitempty"`
}

func (s *session) where() where {
	return where{s.Stack.Name, s.Account, s.Config.Region, s.Caller, s.Emulator}
}

// head names the stage, once, to people.
func (s *session) head() {
	if s.headed || s.json {
		return
	}
	s.headed = true
	at := "account " + s.Account + ", " + s.Config.Region
	if s.Emulator != "" {
		at = "the local stage at " + s.Emulator
	}
	fmt.Fprintf(s.out, "%s, %s\n\n", s.Stack.Name, at)
}

// tell prints an answer: as JSON, or as show writes it for people.
func (s *session) tell(answer any, show func(out io.Writer) error) error {
	if s.json {
		return s.encode(struct {
			Stage  where `json:"stage"`
			Answer any   `json:"answer"`
		}{s.where(), answer}, "  ")
	}
	s.head()
	return show(s.out)
}

func (s *session) encode(v any, indent string) error {
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	return e.Encode(v)
}

// confirm asks before something is changed.
func (s *session) confirm(question string) error {
	switch {
	case s.yes:
		return nil
	case !s.asks:
		return fmt.Errorf("%w: nobody can be asked (%s): -yes says yes", errRefused, question)
	}
	fmt.Fprintf(s.err, "%s [y] ", question)
	answer, err := bufio.NewReader(s.in).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(s.err)
		return errRefused
	}
	if strings.TrimSpace(answer) != "y" {
		return errRefused
	}
	return nil
}

// groups are where the functions log.
func (s *session) groups(ctx context.Context) ([]logs.Group, error) {
	return logs.Groups(ctx, s.Config, s.Stack.Name, slices.Sorted(maps.Keys(s.workers))...)
}

// denied reports whether AWS refused a call for want of a permission.
func denied(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && (strings.Contains(api.ErrorCode(), "AccessDenied") || strings.Contains(api.ErrorCode(), "Forbidden") || strings.HasPrefix(api.ErrorCode(), "Unauthorized"))
}
