package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// Outputs adds to the stack of scope what a client or a test needs to know of this
// Streamer: WebSocketUrl, CallbackUrl, ConnectionsTableName, RequestsTableName,
// FilesBucketName, WorkQueueUrl and DeadLetterQueueUrl, and with workers Workers: their
// actions and queues. The keys begin with StreamerProps.OutputPrefix, which tells several
// Streamers in one stack apart.
func (s *StreamerConstruct) Outputs(scope constructs.Construct) {
	type output struct {
		key, description string
		value            *string
	}
	outputs := []output{
		{contract.OutputWebSocketURL, "Where clients connect", s.WebSocketURL()},
		{contract.OutputCallbackURL, "Where frames are posted to connections", s.CallbackURL()},
		{contract.OutputConnectionsTable, "One item per open connection", s.Connections.TableName()},
		{contract.OutputRequestsTable, "The truth about every async request", s.Requests.TableName()},
		{contract.OutputFilesBucket, "Results, reports and large payloads", s.Files.BucketName()},
		{contract.OutputWorkQueueURL, "Hints that a request waits for a worker", s.WorkQueue.QueueUrl()},
		{contract.OutputDeadLetterURL, "Hints that were delivered too often", s.DeadLetters.QueueUrl()},
	}
	if workers := s.workersConfig(); workers != nil {
		outputs = append(outputs, output{contract.OutputWorkers, "Actions that have work queues of their own", workers})
	}
	for _, output := range outputs {
		key := jsii.String(s.OutputKey(output.key))
		awscdk.NewCfnOutput(scope, key, &awscdk.CfnOutputProps{
			Description: jsii.String(output.description),
			Value:       output.value,
		}).OverrideLogicalId(key)
	}
}

// OutputKey is the key of an output of this Streamer, such as "WebSocketUrl", its prefix
// included.
func (s *StreamerConstruct) OutputKey(key string) string { return s.outputPrefix + key }
