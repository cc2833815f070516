// Command dispatcher has the clients of Streamer's dispatcher.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/bench/bare"
	"github.com/pay-theory/streamer/bench/bare/sdk"
)

func main() {
	queue := sqs.NewFromConfig(sdk.Config())
	bare.Serve(bare.Calls{"send": bare.Call(queue.SendMessageBatch)}, nil)
}
