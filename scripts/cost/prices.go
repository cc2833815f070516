package main

import "github.com/pay-theory/streamer/internal/price"

const million = 1e6

// unit is a priced thing, and what one costs.
type unit struct {
	name    string
	dollars float64
}

var (
	apiMessage = unit{"API Gateway message", price.APIMessage}
	apiMinute  = unit{"API Gateway minute", price.APIMinute}

	lambdaRequest  = unit{"Lambda request", price.LambdaRequest}
	lambdaGBSecond = unit{"Lambda GB-second", price.LambdaGBSecond}

	dynamoWrite   = unit{"DynamoDB write unit", price.DynamoWrite}
	dynamoRead    = unit{"DynamoDB read unit", price.DynamoRead}
	dynamoGBMonth = unit{"DynamoDB GB-month", price.DynamoGBMonth}

	sqsRequest = unit{"SQS request", price.SQSRequest}

	s3Put     = unit{"S3 PUT", price.S3Put}
	s3Get     = unit{"S3 GET", price.S3Get}
	s3GBMonth = unit{"S3 GB-month", price.S3GBMonth}

	logGB      = unit{"CloudWatch log GB", price.LogGB}
	logGBMonth = unit{"CloudWatch log GB-month", price.LogGBMonth}
	metric     = unit{"CloudWatch metric", price.Metric}
	alarm      = unit{"CloudWatch alarm", price.Alarm}
	dashboard  = unit{"CloudWatch dashboard", price.Dashboard}

	trace = unit{"X-Ray trace", price.Trace}

	key        = unit{"KMS key", price.Key}
	keyRequest = unit{"KMS request", price.KeyRequest}

	outGB = unit{"GB to the Internet", price.OutGB}
)
