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
	// EnvWorkQueueURL is the URL of an SQS work queue: for a processor the one that it
	// serves, else the one of all actions that no worker names.
	EnvWorkQueueURL = "STREAMER_WORK_QUEUE_URL"
	// EnvWorkers is a JSON object with a Worker for each name. It says where the hints
	// of an action go, and is the same in all functions that have it. Absent means that
	// there are no workers.
	EnvWorkers = "STREAMER_WORKERS"
	// EnvWorker is the name of the worker that a processor is. Absent means that it does
	// what no worker names.
	EnvWorker = "STREAMER_WORKER"
	// EnvClocks is a JSON object with the clocks that differ from their defaults,
	// in milliseconds: {"lease":30000,"visibility":60000,"pulse":2000,
	// "pulse_idle":10000,"progress":250}. Absent means all defaults.
	EnvClocks = "STREAMER_CLOCKS"
	// EnvMeteredTenants are the tenants that have metrics of their own, with blanks
	// between them. Absent means none.
	EnvMeteredTenants = "STREAMER_METERED_TENANTS"
	// EnvAudit tells router and processors to write package audit's records: Audited. Absent
	// means that they write none.
	EnvAudit = "STREAMER_AUDIT"
	// EnvCallbackEndpoint is the AWS SDK's own variable for the endpoint of
	// PostToConnection: the stage's callback URL, always set, so that no code
	// builds a URL from a request.
	EnvCallbackEndpoint = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

	// EnvAuth is the authorizer's configuration, an Auth as JSON. Absent means that every
	// connection is refused.
	EnvAuth = "STREAMER_AUTH"
	// EnvIAM tells the router that API Gateway itself checks the callers' IAM
	// signatures, an IAM as JSON. Absent means that an authorizer says who they are.
	EnvIAM = "STREAMER_IAM"
	// EnvLimits tells the router what users and tenants may have at once, a Limits as JSON.
	// Absent means that nothing is limited.
	EnvLimits = "STREAMER_LIMITS"
	// EnvTracing says how to trace, a Tracing as JSON. Absent means that nothing is traced.
	EnvTracing = "STREAMER_TRACING"
	// EnvXRayDaemon is Lambda's own variable for the address of its X-Ray daemon.
	EnvXRayDaemon = "AWS_XRAY_DAEMON_ADDRESS"
	// EnvFunctionName is Lambda's own variable for the name of the function.
	EnvFunctionName = "AWS_LAMBDA_FUNCTION_NAME"
)

// Tracing is the value of EnvTracing.
type Tracing struct {
	// Percent of the messages are traced besides those that Lambda traces.
	Percent float64 `json:"percent,omitempty"`
	// Daemon is where spans are sent to, in place of EnvXRayDaemon: the local stage.
	Daemon string `json:"daemon,omitempty"`
}

// Audited is the value of EnvAudit, and AuditMessage the msg of every record.
const (
	Audited      = "1"
	AuditMessage = "audit"
)

// Alias is the name of the alias by which each of our functions is invoked.
const Alias = "live"

// StartCheck is the type of the custom resource by which CloudFormation asks a function
// whether it works. With the property StartProbes it is also to look at the storage. It
// answers with StartDigest, which names what it is made of: its program, and StartSettings.
const (
	StartCheck    = "Custom::StreamerStart"
	StartProbes   = "Probes"
	StartSettings = "Settings"
	StartDigest   = "Digest"
)

// Worker is one value of EnvWorkers, and of OutputWorkers.
type Worker struct {
	// Actions are the names of those that it does.
	Actions []string `json:"actions"`
	// Queue is the URL of its work queue.
	Queue string `json:"queue"`
}

// ContextLocal is the CDK context key by which the local stage tells the
// constructs where it is. Its value is a JSON object:
//
//	{"endpoint":"http://127.0.0.1:4566","issuer":"…","audience":"…","jwks_url":"…"}
//
// With it, functions are built for this machine, the authorizer trusts the local
// stage's keys alone, and what the emulator refuses is left out. It is never set in
// an account.
const ContextLocal = "streamer:local"

// Outputs of a stack, the keys in the file that cdk deploy --outputs-file writes.
// OutputWorkers has the value of EnvWorkers, and is there if there are any.
const (
	OutputWebSocketURL     = "WebSocketUrl"
	OutputCallbackURL      = "CallbackUrl"
	OutputConnectionsTable = "ConnectionsTableName"
	OutputRequestsTable    = "RequestsTableName"
	OutputFilesBucket      = "FilesBucketName"
	OutputWorkQueueURL     = "WorkQueueUrl"
	OutputDeadLetterURL    = "DeadLetterQueueUrl"
	OutputWorkers          = "Workers"
	OutputDashboardName    = "DashboardName"
	OutputDashboardURL     = "DashboardUrl"

	OutputDetailDashboardName = "DetailDashboardName"
	OutputDetailDashboardURL  = "DetailDashboardUrl"
)
