// Package bare has what a function needs at least to do what Streamer's are measured at, with
// aws-lambda-go and the SDK alone. Each program beneath has the clients of one of Streamer's
// functions, and makes the same calls: it shows what those cost before Streamer does anything.
package bare

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
)

// Config is the SDK's, as every function loads it.
func Config() aws.Config {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	return c
}

// Calls are calls that a function may make, by their names.
type Calls map[string]func(context.Context) error

// Posts asks for so many posts to the connection that it comes over, at even times.
type Posts struct {
	Posts   int `json:"posts"`
	EveryMS int `json:"every_ms"`
}

// Post is one of them. Its message is as long as one of a sample action's.
type Post struct {
	TS      int64  `json:"ts"` // Unix milliseconds, as it was made
	Message string `json:"message"`
}

// Serve answers messages of a WebSocket with themselves, and Posts with so many of them. It
// writes a line for each, as a function does that can be looked after. A message that is the
// name of a call makes that call.
func Serve(calls Calls, loop Loop) {
	lambda.Start(func(ctx context.Context, e events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		fmt.Fprintf(os.Stderr, `{"message":%q}`+"\n", e.RequestContext.EventType)
		answer := events.APIGatewayProxyResponse{StatusCode: 200, Body: e.Body}
		if call, known := calls[e.Body]; known {
			return answer, call(ctx)
		}
		var ask Posts
		if loop == nil || json.Unmarshal([]byte(e.Body), &ask) != nil || ask.Posts == 0 {
			return answer, nil
		}
		return answer, loop(ctx, ask, e.RequestContext)
	})
}

// Loop makes the posts that were asked for.
type Loop func(context.Context, Posts, events.APIGatewayWebsocketProxyRequestContext) error

// PostWith is the loop that somebody writes who has nothing else: no numbers, no newest one,
// no lease, one post after the other.
func PostWith(client *apigatewaymanagementapi.Client) Loop {
	return func(ctx context.Context, ask Posts, at events.APIGatewayWebsocketProxyRequestContext) error {
		front := strings.TrimSuffix(os.Getenv("AWS_ENDPOINT_URL"), "/") + "/_aws/execute-api/" + at.APIID + "/" + at.Stage
		start := time.Now()
		for n := 1; n <= ask.Posts; n++ {
			time.Sleep(time.Until(start.Add(time.Duration(n*ask.EveryMS) * time.Millisecond)))
			data, err := json.Marshal(Post{time.Now().UnixMilli(), fmt.Sprintf("Step %d of %d", n, ask.Posts)})
			if err != nil {
				return err
			}
			_, err = client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &at.ConnectionID, Data: data},
				func(o *apigatewaymanagementapi.Options) { o.BaseEndpoint = &front })
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// Call makes a call with an empty input, of which only the error counts.
func Call[In, Out, Options any](do func(context.Context, *In, ...func(*Options)) (*Out, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := do(ctx, new(In))
		return err
	}
}
