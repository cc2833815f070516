// Package bare has what a function needs at least to do what Streamer's are measured at, with
// aws-lambda-go and the SDK alone. Each program beneath has the clients of one of Streamer's
// functions, and makes the same calls: it shows what those cost before Streamer does anything.
// What needs the SDK is in package sdk: the authorizer needs none.
package bare

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

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

// Call makes a call with an empty input, of which only the error counts.
func Call[In, Out, Options any](do func(context.Context, *In, ...func(*Options)) (*Out, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := do(ctx, new(In))
		return err
	}
}
