package cost

import "github.com/pay-theory/streamer/internal/price"

// Unit is a priced thing, and what one costs.
type Unit struct {
	name    string
	dollars float64
}

var (
	APIMessage = Unit{"API Gateway message", price.APIMessage}
	apiMinute  = Unit{"API Gateway minute", price.APIMinute}

	lambdaRequest  = Unit{"Lambda request", price.LambdaRequest}
	lambdaGBSecond = Unit{"Lambda GB-second", price.LambdaGBSecond}

	DynamoWrite   = Unit{"DynamoDB write unit", price.DynamoWrite}
	DynamoRead    = Unit{"DynamoDB read unit", price.DynamoRead}
	dynamoGBMonth = Unit{"DynamoDB GB-month", price.DynamoGBMonth}

	sqsRequest = Unit{"SQS request", price.SQSRequest}

	s3Put     = Unit{"S3 PUT", price.S3Put}
	s3Get     = Unit{"S3 GET", price.S3Get}
	s3GBMonth = Unit{"S3 GB-month", price.S3GBMonth}

	logGB      = Unit{"CloudWatch log GB", price.LogGB}
	logGBMonth = Unit{"CloudWatch log GB-month", price.LogGBMonth}
	metric     = Unit{"CloudWatch metric", price.Metric}
	alarm      = Unit{"CloudWatch alarm", price.Alarm}
	dashboard  = Unit{"CloudWatch dashboard", price.Dashboard}

	trace = Unit{"X-Ray trace", price.Trace}

	key        = Unit{"KMS key", price.Key}
	keyRequest = Unit{"KMS request", price.KeyRequest}

	outGB = Unit{"GB to the Internet", price.OutGB}
)
