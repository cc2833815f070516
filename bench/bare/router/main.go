// Command router has the clients of Streamer's router.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/bench/bare"
	"github.com/pay-theory/streamer/bench/bare/sdk"
)

func main() {
	config := sdk.Config()
	table, files := dynamodb.NewFromConfig(config), s3.NewFromConfig(config)
	link := s3.NewPresignClient(files)
	bare.Serve(bare.Calls{
		"put": bare.Call(table.PutItem), "get": bare.Call(table.GetItem), "update": bare.Call(table.UpdateItem),
		"delete": bare.Call(table.DeleteItem), "query": bare.Call(table.Query), "batch get": bare.Call(table.BatchGetItem),
		"put file": bare.Call(files.PutObject), "get file": bare.Call(files.GetObject),
		"look": func(ctx context.Context) error {
			_, err := table.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: aws.String(os.Getenv("STREAMER_REQUESTS_TABLE")), ConsistentRead: aws.Bool(true),
				Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "nobody"}, "sk": &types.AttributeValueMemberS{Value: "META"}},
			})
			return err
		},
		"link file": bare.Call(link.PresignGetObject), "link upload": bare.Call(link.PresignPutObject),
	}, sdk.PostWith(apigatewaymanagementapi.NewFromConfig(config)))
}
