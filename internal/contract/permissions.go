package contract

// Permission is what a function does with a thing of its stage. Its role is granted that by
// the constructs, and doctor of scripts/inspect asks IAM whether it still is.
type Permission struct {
	On      Thing
	Actions []string
}

// Thing is what a permission is for.
type Thing string

// Things of a stage. Each worker has a queue of its own; a processor reads one, and what
// sends hints sends to all.
const (
	OnConnections    Thing = "connections table"
	OnRequests       Thing = "requests table"
	OnRequestsByUser Thing = "requests by user"
	OnOpenRequests   Thing = "open requests"
	OnRequestsStream Thing = "stream of the requests table"
	OnFiles          Thing = "files" // under FilesPrefix
	OnPosts          Thing = "posts to connections"
	OnCloses         Thing = "closing of connections"
	OnWorkQueues     Thing = "work queues"
	OnOwnQueue       Thing = "a processor's own queue"
	OnUndispatched   Thing = "queue of what the dispatcher gave up"
	OnOwnLog         Thing = "a function's own log"
	OnKey            Thing = "key"          // of one's own, that encrypts variables and what is kept
	OnAnything       Thing = "any resource" // of actions that take no resource
)

// What each function may do besides what all may.
var (
	RouterMay = []Permission{
		{OnConnections, []string{"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"}},
		{OnRequests, []string{"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:BatchGetItem"}},
		{OnRequestsByUser, []string{"dynamodb:Query"}},
		{OnFiles, []string{"s3:PutObject", "s3:GetObject"}},
		{OnPosts, []string{"execute-api:ManageConnections"}},
	}
	DispatcherMay = []Permission{
		{OnWorkQueues, []string{"sqs:SendMessage"}},
		{OnRequestsStream, []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}},
		{OnAnything, []string{"dynamodb:ListStreams"}},
		{OnUndispatched, []string{"sqs:SendMessage"}},
	}
	// ReportingMay is what a processor does with a request, and compute that one is handed
	// over to.
	ReportingMay = []Permission{
		{OnRequests, []string{"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem"}},
		{OnConnections, []string{"dynamodb:DeleteItem"}},
		{OnFiles, []string{"s3:PutObject", "s3:GetObject"}},
		{OnPosts, []string{"execute-api:ManageConnections"}},
	}
	ProcessorMay = append(ReportingMay[:len(ReportingMay):len(ReportingMay)], Permission{
		OnOwnQueue, []string{"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"},
	})
	ReconcilerMay = []Permission{
		{OnWorkQueues, []string{"sqs:SendMessage"}},
		{OnConnections, []string{"dynamodb:Scan", "dynamodb:DeleteItem"}}, // to count them, and forget who is gone
		{OnCloses, []string{"execute-api:ManageConnections"}},             // of those whose token has run out
		{OnOpenRequests, []string{"dynamodb:Query"}},
		{OnRequests, []string{"dynamodb:GetItem", "dynamodb:UpdateItem"}},
	}
)

// What all functions may do: each, those with a key, those that are traced, and those in a VPC,
// where Lambda acts with their role ("Giving Lambda functions access to resources in an Amazon VPC").
var (
	EachMay = []Permission{{OnOwnLog, []string{"logs:CreateLogStream", "logs:PutLogEvents"}}}
	// KeyMay is for a function's variables, KeyUserMay for what is kept, too. The CDK grants
	// more: all that a service may ask of a key.
	KeyMay     = []Permission{{OnKey, []string{"kms:Decrypt"}}}
	KeyUserMay = []Permission{{OnKey, []string{"kms:Decrypt", "kms:GenerateDataKey"}}}
	TracedMay  = []Permission{{OnAnything, []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}}}
	InVPCMay   = []Permission{{OnAnything, []string{
		"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
	}}}
)
