// Package price has what AWS charges: the prices of the services' pricing pages for
// us-east-1, first tier, on demand, without free tiers. scripts/account has a check, prices,
// that prints AWS's own list of today.
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

	// AWS Lambda pricing, arm64 and x86.
	LambdaRequest     = 0.20 / million
	LambdaGBSecond    = 0.0000133334
	LambdaGBSecondX86 = 0.0000166667

	// Amazon DynamoDB pricing for on-demand capacity. What Lambda reads of a stream is
	// free, and so is what the time to live deletes.
	DynamoWrite = 0.625 / million
	DynamoRead  = 0.125 / million
	// DynamoGBMonth is a table's, with its point-in-time recovery.
	DynamoGBMonth = 0.25 + 0.20

	SQSRequest = 0.40 / million // Amazon SQS pricing, standard queues

	S3Put = 0.005 / thousand // Amazon S3 pricing, S3 Standard
	S3Get = 0.0004 / thousand

	S3GBMonth = 0.023

	// Amazon CloudWatch pricing; all but the log for a month. An alarm has a price for each
	// metric that it watches.
	LogGB      = 0.50
	LogGBMonth = 0.03 // kept
	Metric     = 0.30
	Alarm      = 0.10
	Dashboard  = 3.00

	Trace = 5.00 / million // AWS X-Ray pricing

	// AWS Key Management Service pricing; a key for a month.
	Key        = 1.00
	KeyRequest = 0.03 / (10 * thousand)

	OutGB = 0.09 // Amazon EC2 on-demand pricing, "Data Transfer", which holds for all services
)
