package contract

// Environment variables of the functions. The constructs set them; only
// functions/serve reads them. A variable that a function needs and does not find
// is fatal at its start.
const (
	// EnvConnectionsTable and EnvRequestsTable name the two DynamoDB tables.
	EnvConnectionsTable = "STREAMER_CONNECTIONS_TABLE"
	EnvRequestsTable    = "STREAMER_REQUESTS_TABLE"
	// EnvFilesBucket names the S3 bucket of results, reports and large payloads.
	EnvFilesBucket = "STREAMER_FILES_BUCKET"
	// EnvWorkQueueURL is the URL of the SQS work queue.
	EnvWorkQueueURL = "STREAMER_WORK_QUEUE_URL"
	// EnvClocks is a JSON object with the clocks that differ from their defaults,
	// in milliseconds: {"lease":30000,"visibility":60000,"pulse":2000,
	// "pulse_idle":10000,"progress":250}. Absent means all defaults.
	EnvClocks = "STREAMER_CLOCKS"
	// EnvCallbackEndpoint is the AWS SDK's own variable for the endpoint of
	// PostToConnection: the stage's callback URL, always set, so that no code
	// builds a URL from a request.
	EnvCallbackEndpoint = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

	// EnvAuth is the authorizer's configuration as JSON (see AuthConfig in
	// functions/authorizer). Absent means that every connection is refused.
	EnvAuth = "STREAMER_AUTH"
)

// ContextLocal is the CDK context key by which the local stage tells the
// constructs where it is. Its value is a JSON object:
//
//	{"endpoint":"http://127.0.0.1:4566","issuer":"…","audience":"…","jwks":{"keys":[…]}}
//
// With it, functions are built for this machine, the authorizer trusts the local
// stage's key alone, and what the emulator refuses is left out. It is never set in
// an account.
const ContextLocal = "streamer:local"

// Outputs of a stack, the keys in the file that cdk deploy --outputs-file writes.
const (
	OutputWebSocketURL     = "WebSocketUrl"
	OutputCallbackURL      = "CallbackUrl"
	OutputConnectionsTable = "ConnectionsTableName"
	OutputRequestsTable    = "RequestsTableName"
	OutputFilesBucket      = "FilesBucketName"
	OutputWorkQueueURL     = "WorkQueueUrl"
	OutputDeadLetterURL    = "DeadLetterQueueUrl"
	OutputDashboardName    = "DashboardName"
)
