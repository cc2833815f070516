package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

var logger = sync.OnceValue(func() *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
})

// fatal ends the process: a function that cannot work must fail its deployment's first
// call, not each request in turn.
func fatal(err error) {
	logger().Error("function does not start", "error", err)
	os.Exit(1)
}

func need(name string) string {
	v := os.Getenv(name)
	if v == "" {
		fatal(fmt.Errorf("environment variable %s is not set: the constructs set it", name))
	}
	return v
}

var awsConfig = sync.OnceValue(func() aws.Config {
	cfg, err := config.LoadDefaultConfig(context.Background()) // the process's own start: there is no other context
	if err != nil {
		fatal(fmt.Errorf("load AWS configuration: %w", err))
	}
	return cfg
})

func requests() store.DynamoRequests {
	return store.DynamoRequests{Client: dynamodb.NewFromConfig(awsConfig()), Table: need(contract.EnvRequestsTable)}
}

func connections() store.DynamoConnections {
	return store.DynamoConnections{Client: dynamodb.NewFromConfig(awsConfig()), Table: need(contract.EnvConnectionsTable)}
}

func bucket() files.Bucket {
	return files.Bucket{Client: s3.NewFromConfig(awsConfig()), Name: need(contract.EnvFilesBucket)}
}

func workQueue() queue.Work {
	return queue.Work{Client: sqs.NewFromConfig(awsConfig()), URL: need(contract.EnvWorkQueueURL)}
}

// manager posts to the endpoint that the SDK reads from contract.EnvCallbackEndpoint.
func manager() *connection.Manager {
	need(contract.EnvCallbackEndpoint)
	return &connection.Manager{
		Poster: apigatewaymanagementapi.NewFromConfig(awsConfig()), Forget: connections(),
		Metrics: metrics(), Log: logger(),
	}
}

func metrics() metric.Recorder {
	return metric.Embedded{Service: need(contract.EnvRequestsTable), Out: os.Stdout}
}

// Default clocks of the engine.
var defaultClocks = executor.Clocks{
	Clocks: progress.Clocks{
		Lease:     30 * time.Second,
		Pulse:     2 * time.Second,
		PulseIdle: 10 * time.Second,
		Interval:  250 * time.Millisecond,
	},
	Visibility: 60 * time.Second,
}

// clocks reads contract.EnvClocks.
func clocks(text string) (executor.Clocks, error) {
	c := defaultClocks
	if text == "" {
		return c, nil
	}
	var ms struct {
		Lease      *int64 `json:"lease"`
		Visibility *int64 `json:"visibility"`
		Pulse      *int64 `json:"pulse"`
		PulseIdle  *int64 `json:"pulse_idle"`
		Progress   *int64 `json:"progress"`
	}
	if err := json.Unmarshal([]byte(text), &ms); err != nil {
		return c, fmt.Errorf("environment variable %s: %w", contract.EnvClocks, err)
	}
	for _, set := range []struct {
		ms *int64
		to *time.Duration
	}{{ms.Lease, &c.Lease}, {ms.Visibility, &c.Visibility}, {ms.Pulse, &c.Pulse}, {ms.PulseIdle, &c.PulseIdle}, {ms.Progress, &c.Interval}} {
		if set.ms != nil {
			*set.to = time.Duration(*set.ms) * time.Millisecond
		}
	}
	if c.Interval <= 0 || c.Pulse <= 0 || c.PulseIdle < c.Pulse || c.Lease <= c.PulseIdle || c.Visibility <= c.Lease {
		return c, fmt.Errorf("environment variable %s: not 0 < progress, 0 < pulse <= pulse_idle < lease < visibility: %s", contract.EnvClocks, text)
	}
	return c, nil
}
