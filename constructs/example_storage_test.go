package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Tables and bucket in a stack of their own, which stays when the functions' stack is made
// anew.
func ExampleNewStorage() {
	app := awscdk.NewApp(nil)
	data := awscdk.NewStack(app, jsii.String("Data"), &awscdk.StackProps{TerminationProtection: jsii.Bool(true)})
	storage := constructs.NewStorage(data, "Streamer", nil)

	functions := awscdk.NewStack(app, jsii.String("Functions"), nil)
	constructs.NewStreamer(functions, "Streamer", &constructs.StreamerProps{Storage: storage})
}

// Tables and bucket that others made, by Terraform perhaps, by their names.
func ExampleStorage() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Storage: &constructs.Storage{
		Connections: awsdynamodb.TableV2_FromTableName(stack, jsii.String("Connections"), jsii.String("shop-connections")),
		Requests: awsdynamodb.TableV2_FromTableAttributes(stack, jsii.String("Requests"), &awsdynamodb.TableAttributesV2{
			TableName:      jsii.String("shop-requests"),
			TableStreamArn: jsii.String("arn:aws:dynamodb:eu-west-1:111122223333:table/shop-requests/stream/2026-01-01T00:00:00.000"),
		}),
		Files: awss3.Bucket_FromBucketName(stack, jsii.String("Files"), jsii.String("shop-files")),
	}})
}
