package constructs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// StreamerAttributes is what another app knows of a Streamer of the same account and region:
// the outputs of its stack, each by its own name. Strings may be tokens of the CDK, such as
// those of Fn_ImportValue or of a parameter of Systems Manager. Within one app, use the
// StreamerConstruct itself: the CDK passes on between stacks what is needed.
type StreamerAttributes struct {
	// WebSocketURL and CallbackURL are the outputs WebSocketUrl and CallbackUrl. Required.
	WebSocketURL, CallbackURL string
	// ConnectionsTableName, RequestsTableName and FilesBucketName are the outputs of these
	// names. Required.
	ConnectionsTableName, RequestsTableName, FilesBucketName string
	// WorkQueueURL and DeadLetterQueueURL are the outputs WorkQueueUrl and
	// DeadLetterQueueUrl. Required.
	WorkQueueURL, DeadLetterQueueURL string
	// EncryptionKey is that of the Streamer's props. Nil: it has none.
	EncryptionKey awskms.IKey
	// FunctionNames are the names of its functions in Lambda, for their metrics, by "router",
	// "dispatcher", "processor", "reconciler" and "authorizer": of the app that made them,
	// StreamerConstruct.Router.FunctionName() and so on, or what the stack's resources are
	// called. What is left out is not measured. Default none.
	FunctionNames map[string]string
	// Workers are its workers by name, for their metrics. Default none.
	Workers map[string]WorkerAttributes
}

// WorkerAttributes is what another app knows of a worker.
type WorkerAttributes struct {
	// QueueURL is its queue's, in the output Workers. Required.
	QueueURL string
	// ProcessorName is the name of its processor in Lambda: Worker.Processor.FunctionName().
	// Required.
	ProcessorName string
}

func (a *StreamerAttributes) validate() error {
	if a == nil {
		return errors.New("there are no attributes: give the outputs of the Streamer's stack")
	}
	for _, attribute := range []struct{ field, value string }{
		{"WebSocketURL", a.WebSocketURL}, {"CallbackURL", a.CallbackURL},
		{"ConnectionsTableName", a.ConnectionsTableName}, {"RequestsTableName", a.RequestsTableName},
		{"FilesBucketName", a.FilesBucketName},
		{"WorkQueueURL", a.WorkQueueURL}, {"DeadLetterQueueURL", a.DeadLetterQueueURL},
	} {
		if attribute.value == "" {
			return fmt.Errorf("%s is empty: give that output of the Streamer's stack", attribute.field)
		}
	}
	names := []string{contract.FunctionRouter, contract.FunctionDispatcher, contract.FunctionProcessor, contract.FunctionReconciler, contract.FunctionAuthorizer}
	for _, function := range slices.Sorted(maps.Keys(a.FunctionNames)) {
		if !slices.Contains(names, function) {
			return fmt.Errorf("FunctionNames has %q: the functions are %s", function, strings.Join(names, ", "))
		}
		if a.FunctionNames[function] == "" {
			return fmt.Errorf("FunctionNames has an empty name for %q: give it, or leave it out", function)
		}
	}
	for _, worker := range slices.Sorted(maps.Keys(a.Workers)) {
		if !workerNamePattern.MatchString(worker) {
			return fmt.Errorf("Workers has %q, which is no worker's name: give that of WorkerProps.Name", worker)
		}
		if w := a.Workers[worker]; w.QueueURL == "" || w.ProcessorName == "" {
			return fmt.Errorf("Workers[%s] lacks QueueURL or ProcessorName: give both", worker)
		}
	}
	return nil
}

// importedStreamer is a Streamer of another app.
type importedStreamer struct {
	constructs.Construct
	reference
}

var _, _ IStreamer = (*StreamerConstruct)(nil), (*importedStreamer)(nil)

// ToString is the construct's path.
func (s *importedStreamer) ToString() *string { return s.Node().Path() }

// StreamerFromAttributes is a Streamer that another app deployed, for its grants and
// metrics. It adds nothing to the stack. It panics if an attribute is bad, as NewStreamer.
func StreamerFromAttributes(scope constructs.Construct, id string, attributes *StreamerAttributes) IStreamer {
	s := &importedStreamer{reference: reference{stack: awscdk.Stack_Of(scope)}}
	constructs.NewConstruct_Override(s, scope, jsii.String(id))
	local, err := readLocalStage(s)
	check(s, err)
	check(s, attributes.validate())

	s.reference = reference{
		stack:        s.stack,
		webSocketURL: jsii.String(attributes.WebSocketURL), callbackURL: jsii.String(attributes.CallbackURL),
		connections: awsdynamodb.TableV2_FromTableName(s, jsii.String("Connections"), jsii.String(attributes.ConnectionsTableName)),
		requests:    awsdynamodb.TableV2_FromTableName(s, jsii.String("Requests"), jsii.String(attributes.RequestsTableName)),
		files:       awss3.Bucket_FromBucketName(s, jsii.String("Files"), jsii.String(attributes.FilesBucketName)),
		workQueue:   queueOf(s, "WorkQueue", attributes.WorkQueueURL),
		deadLetters: queueOf(s, "DeadLetters", attributes.DeadLetterQueueURL),
	}
	s.apiID, s.stageName = local.apiOf(attributes.CallbackURL)
	if attributes.EncryptionKey != nil {
		s.keys = []awskms.IKey{attributes.EncryptionKey}
	}
	s.functionNames, s.workers = map[string]*string{}, map[string]IWorker{}
	for function, name := range attributes.FunctionNames {
		s.functionNames[function] = jsii.String(name)
	}
	for worker, w := range attributes.Workers {
		at := constructs.NewConstruct(s, jsii.String("worker-"+worker))
		s.workers[worker] = &workerReference{stack: s.stack, queue: queueOf(at, "Queue", w.QueueURL), processor: jsii.String(w.ProcessorName)}
	}
	return s
}

// queueOf is the queue at a URL, whose last part is its name.
func queueOf(scope constructs.Construct, id, url string) awssqs.IQueue {
	parts := awscdk.Fn_Split(jsii.String("/"), jsii.String(url), nil)
	last := 4 // https://sqs.<region>.amazonaws.com/<account>/<name>
	if !unresolved(url) {
		last = strings.Count(url, "/")
	}
	return awssqs.Queue_FromQueueArn(scope, jsii.String(id), awscdk.Stack_Of(scope).FormatArn(&awscdk.ArnComponents{
		Service: jsii.String("sqs"), Resource: awscdk.Fn_Select(jsii.Number(last), parts),
	}))
}
