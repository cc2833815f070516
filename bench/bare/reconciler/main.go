// Command reconciler has the clients of Streamer's reconciler.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/bench/bare"
	"github.com/pay-theory/streamer/bench/bare/sdk"
)

func main() {
	config := sdk.Config()
	table, queue, gateway := dynamodb.NewFromConfig(config), sqs.NewFromConfig(config), apigatewaymanagementapi.NewFromConfig(config)
	bare.Serve(bare.Calls{
		"scan": bare.Call(table.Scan), "query": bare.Call(table.Query), "get": bare.Call(table.GetItem), "update": bare.Call(table.UpdateItem),
		"delete": bare.Call(table.DeleteItem), "close": bare.Call(gateway.DeleteConnection),
		"send": bare.Call(queue.SendMessageBatch),
	}, nil)
}
