package main

// region is the one whose prices these are.
const region = "us-east-1"

const (
	million  = 1e6
	thousand = 1e3
)

// price is what one of something costs.
type price struct {
	name    string
	dollars float64
}

// The prices are those of the services' pricing pages for us-east-1, first tier, on
// demand, without free tiers. scripts/account has a check, prices, that prints AWS's own
// list of today.
var (
	// Amazon API Gateway pricing, "WebSocket APIs". A message is metered in steps of 32 KB,
	// in both directions.
	apiMessage = price{"API Gateway message", 1.00 / million}
	apiMinute  = price{"API Gateway minute", 0.25 / million}

	// AWS Lambda pricing, arm64.
	lambdaRequest  = price{"Lambda request", 0.20 / million}
	lambdaGBSecond = price{"Lambda GB-second", 0.0000133334}

	// Amazon DynamoDB pricing for on-demand capacity. What Lambda reads of a stream is
	// free, and so is what the time to live deletes.
	dynamoWrite = price{"DynamoDB write unit", 0.625 / million}
	dynamoRead  = price{"DynamoDB read unit", 0.125 / million}
	// A table, with its point-in-time recovery.
	dynamoGBMonth = price{"DynamoDB GB-month", 0.25 + 0.20}

	// Amazon SQS pricing, standard queues.
	sqsRequest = price{"SQS request", 0.40 / million}

	// Amazon S3 pricing, S3 Standard.
	s3Put     = price{"S3 PUT", 0.005 / thousand}
	s3Get     = price{"S3 GET", 0.0004 / thousand}
	s3GBMonth = price{"S3 GB-month", 0.023}

	// Amazon CloudWatch pricing.
	logGB     = price{"CloudWatch log GB", 0.50}
	metric    = price{"CloudWatch metric", 0.30}
	alarm     = price{"CloudWatch alarm", 0.10}
	dashboard = price{"CloudWatch dashboard", 3.00}
	logMonth  = price{"CloudWatch log GB-month", 0.03}

	// AWS X-Ray pricing.
	trace = price{"X-Ray trace", 5.00 / million}

	// AWS Key Management Service pricing.
	kmsKey     = price{"KMS key", 1.00}
	kmsRequest = price{"KMS request", 0.03 / (10 * thousand)}

	// Amazon EC2 on-demand pricing, "Data Transfer", which holds for all services.
	outGB = price{"GB to the Internet", 0.09}
)
