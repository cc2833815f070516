package processor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/processor"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/executor"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

// cloud answers the SDK as the services would, at once.
type cloud struct{}

const held = `{"Attributes":{"pk":{"S":"T#acme#R#01JGH00000000000000000000A"},"sk":{"S":"META"},"action":{"S":"work"},"user":{"S":"ann"},
"status":{"S":"PROCESSING"},"attempt":{"N":"1"},"max_attempts":{"N":"3"},"fence":{"N":"1"},"carrier":{"S":"m"},"owner":{"S":"o"},
"created_at":{"N":"1768857208012"},"started_at":{"N":"1768857208112"},"lease_until":{"N":"4102444800000"},"deadline_at":{"N":"4102444800000"},
"payload":{"S":"{\"start_date\":\"2024-01-01\"}"},"result":{"S":"{}"},"ended_at":{"N":"1768857209112"},"seq":{"N":"1000021"},"watchers":{"SS":["e_4sOfGfIAMCJ7w="]}}}`

// Do implements the SDK's HTTP client.
func (cloud) Do(req *http.Request) (*http.Response, error) {
	body := `{}`
	if strings.HasPrefix(req.Header.Get("X-Amz-Target"), "DynamoDB") {
		asked, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		if body = held; bytes.Contains(asked, []byte("COMPLETED")) {
			body = strings.Replace(held, "PROCESSING", "COMPLETED", 1)
		}
	}
	header := http.Header{"Content-Type": {"application/x-amz-json-1.0"}}
	return &http.Response{StatusCode: http.StatusOK, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// BenchmarkProcessor is all that a request costs in the processor, with the SDK and what is
// logged, but for the network: a claim, 20 marked steps that are posted, the outcome, the last
// frame. Several run at once, though in Lambda one has the process to itself.
func BenchmarkProcessor(b *testing.B) {
	config := aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""), HTTPClient: cloud{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	work := streamer.Action[json.RawMessage, json.RawMessage]{Name: "work", Async: true}.Bind(
		func(_ context.Context, _ *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage]) error {
			for step := range 20 {
				r.Step(float64(step)*5, fmt.Sprintf("Step %d of 20", step))
			}
			return r.Complete(json.RawMessage(`{"pages":12}`))
		})
	registry, err := streamer.NewRegistry(work)
	if err != nil {
		b.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	metrics := &metric.Embedded{Service: "requests", Out: io.Discard}
	table := dynamodb.NewFromConfig(config)
	p := processor.Processor{
		Executor: &executor.Executor{
			Registry: registry, Requests: store.DynamoRequests{Client: table, Table: "requests"},
			Files: files.Bucket{Client: s3.NewFromConfig(config), Name: "files"},
			Connections: &connection.Manager{
				Poster: apigatewaymanagementapi.NewFromConfig(config, func(o *apigatewaymanagementapi.Options) {
					o.BaseEndpoint = aws.String("https://api.example/v1")
				}),
				Forget: store.DynamoConnections{Client: table, Table: "connections"}, Metrics: metrics, Log: log,
			},
			Queue: queue.Work{Client: sqs.NewFromConfig(config), URL: "https://sqs.example/1/work"},
			Clock: clock.System{}, Random: func() float64 { return 0.5 }, Metrics: metrics, Log: log,
			Clocks: executor.Clocks{
				Clocks:     progress.Clocks{Lease: 30 * time.Second, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond},
				Visibility: time.Minute,
			},
		},
		Metrics: metrics, Log: log,
	}
	body, err := queue.Encode(lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			out, err := p.Handle(b.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", ReceiptHandle: "h", Body: body}}})
			if err != nil || len(out.BatchItemFailures) > 0 {
				b.Errorf("%+v, err %v", out, err)
				return
			}
			if err := metrics.Flush(); err != nil {
				b.Error(err)
			}
		}
	})
}
