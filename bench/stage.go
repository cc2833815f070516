package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

// stage is the local stage with the app of bench/stage on it.
type stage struct {
	aws.Config
	endpoint string
	socket   string // Streamer's WebSocket, with a token
	bare     string // that of package bare
	requests string // the table
	// functions are the deployed ones by a part of their names: StreamerRouter, BareRouter.
	functions map[string]string
}

// side is what is measured in turn with another: Streamer, or what does the least.
type side struct{ name, socket string }

func (s *stage) sides() []side { return []side{{"Streamer", s.socket}, {"bare", s.bare}} }

// names are those of the functions, as the constructs have them.
var names = []string{"Authorizer", "Router", "Dispatcher", "Processor", "Reconciler"}

// find looks for the stage that the environment names.
func find(ctx context.Context) (*stage, error) {
	s := &stage{endpoint: os.Getenv("AWS_ENDPOINT_URL"), functions: map[string]string{}}
	if s.endpoint == "" {
		return nil, errors.New("AWS_ENDPOINT_URL is not set: run make bench")
	}
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		return nil, err
	}
	socket, err := stack.Need(contract.OutputWebSocketURL)
	if err != nil {
		return nil, err
	}
	if s.requests, err = stack.Need(contract.OutputRequestsTable); err != nil {
		return nil, err
	}
	bare, err := stack.Need("BareApiPath")
	if err != nil {
		return nil, err
	}
	api, _, _ := strings.Cut(socket, "/execute-api/")
	s.bare = api + "/execute-api/" + bare
	token, err := output(ctx, "go", "run", "./scripts/stage", "token", "--tenant", "bench", "--subject", "ann")
	if err != nil {
		return nil, err
	}
	s.socket = socket + "?token=" + token
	if s.Config, err = config.LoadDefaultConfig(ctx); err != nil {
		return nil, err
	}
	pages := lambda.NewListFunctionsPaginator(lambda.NewFromConfig(s.Config), &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list functions: %w", err)
		}
		for _, f := range page.Functions {
			for _, name := range names {
				for _, of := range []string{"Streamer", "Bare"} {
					if strings.Contains(*f.FunctionName, of+name+"Function") {
						s.functions[of+name] = *f.FunctionName
					}
				}
			}
		}
	}
	if len(s.functions) != 2*len(names) {
		return nil, fmt.Errorf("the stage's functions are %v: want Streamer's and those of package bare", s.functions)
	}
	return s, nil
}

// calls is how many calls to AWS the functions have made so far.
func (s *stage) calls(ctx context.Context) (n int, err error) {
	text, err := fetch(ctx, s.endpoint+"/_front/calls")
	if err != nil {
		return 0, fmt.Errorf("read the calls: %w", err)
	}
	counted := map[string]int{}
	if err := json.Unmarshal(text, &counted); err != nil {
		return 0, fmt.Errorf("read the calls: %w", err)
	}
	for name, times := range counted {
		if service, _, _ := strings.Cut(name, "."); slices.Contains([]string{"dynamodb", "sqs", "s3", "execute-api"}, service) {
			n += times
		}
	}
	return n, nil
}

// settle waits until the functions have made no call for a while.
func (s *stage) settle(ctx context.Context) error {
	const still = 2 * time.Second
	before, err := s.calls(ctx)
	for since := time.Now(); err == nil && time.Since(since) < still; time.Sleep(still / 10) {
		var now int
		if now, err = s.calls(ctx); now != before {
			before, since = now, time.Now()
		}
	}
	return err
}
