// Command processor has the clients of Streamer's processor.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/bench/bare"
	"github.com/pay-theory/streamer/bench/bare/sdk"
)

func main() {
	config := sdk.Config()
	table, files, queue := dynamodb.NewFromConfig(config), s3.NewFromConfig(config), sqs.NewFromConfig(config)
	link := s3.NewPresignClient(files)
	bare.Serve(bare.Calls{
		"put": bare.Call(table.PutItem), "get": bare.Call(table.GetItem), "update": bare.Call(table.UpdateItem),
		"delete": bare.Call(table.DeleteItem), "query": bare.Call(table.Query),
		"put file": bare.Call(files.PutObject), "get file": bare.Call(files.GetObject), "link file": bare.Call(link.PresignGetObject),
		"hold": bare.Call(queue.ChangeMessageVisibility),
	}, sdk.PostWith(apigatewaymanagementapi.NewFromConfig(config)))
}
