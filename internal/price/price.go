// Package price has what AWS charges, as far as it depends on use: the prices of the
// services' pricing pages for us-east-1, first tier, on demand, without free tiers.
package price

const (
	million  = 1e6
	thousand = 1e3
)

// Region is the one whose prices these are.
const Region = "us-east-1"

// Dollars for one of each.
const (
	// Amazon API Gateway pricing, "WebSocket APIs". A message is metered in steps of 32 KB,
	// in both directions.
	APIMessage = 1.00 / million
	APIMinute  = 0.25 / million // of an open connection

	// AWS Lambda pricing, arm64.
	LambdaRequest  = 0.20 / million
	LambdaGBSecond = 0.0000133334

	// Amazon DynamoDB pricing for on-demand capacity. What Lambda reads of a stream is
	// free, and so is what the time to live deletes.
	DynamoWrite = 0.625 / million
	DynamoRead  = 0.125 / million

	SQSRequest = 0.40 / million // Amazon SQS pricing, standard queues

	S3Put = 0.005 / thousand // Amazon S3 pricing, S3 Standard
	S3Get = 0.0004 / thousand

	// Amazon CloudWatch pricing; all but the log for a month.
	LogGB     = 0.50
	Metric    = 0.30
	Alarm     = 0.10
	Dashboard = 3.00
)
