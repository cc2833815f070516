package constructs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
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
