// Package sdk is what functions of package bare have of the AWS SDK.
package sdk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"

	"github.com/pay-theory/streamer/bench/bare"
)

// Config is the SDK's, as everybody loads it.
func Config() aws.Config {
	c, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		panic(err)
	}
	return c
}

// PostWith is the loop that somebody writes who has nothing else: no numbers, no newest one,
// no lease, one post after the other.
func PostWith(client *apigatewaymanagementapi.Client) bare.Loop {
	return func(ctx context.Context, ask bare.Posts, at events.APIGatewayWebsocketProxyRequestContext) error {
		front := strings.TrimSuffix(os.Getenv("AWS_ENDPOINT_URL"), "/") + "/_aws/execute-api/" + at.APIID + "/" + at.Stage
		start := time.Now()
		for n := 1; n <= ask.Posts; n++ {
			time.Sleep(time.Until(start.Add(time.Duration(n*ask.EveryMS) * time.Millisecond)))
			data, err := json.Marshal(bare.Post{TS: time.Now().UnixMilli(), Message: fmt.Sprintf("Step %d of %d", n, ask.Posts)})
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
