package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

const (
	// maxReceiveCount is how often a hint is delivered before it becomes a dead letter.
	// It is far above any honest number: attempts are counted in the request's row, and
	// ended there.
	maxReceiveCount = 50
	// workRetentionDays bounds how long a hint may wait; a lost one is sent again.
	workRetentionDays = 7
	// deadRetentionDays is the most that SQS keeps a message ("Amazon SQS message quotas").
	deadRetentionDays = 14
	// visibilityMarginSeconds is added to the processor's timeout: AWS refuses a queue
	// whose visibility is below the timeout of the function that reads it.
	visibilityMarginSeconds = 60
)

func (s *StreamerConstruct) addQueues(p *StreamerProps) {
	s.DeadLetters = s.newQueue("DeadLetters", p, deadRetentionDays, &awssqs.QueueProps{})
	s.Undispatched = s.newQueue("Undispatched", p, deadRetentionDays, &awssqs.QueueProps{})
	s.WorkQueue = s.newQueue("Work", p, workRetentionDays, &awssqs.QueueProps{
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(p.Processor.TimeoutSeconds + visibilityMarginSeconds)),
		DeadLetterQueue: &awssqs.DeadLetterQueue{
			Queue:           s.DeadLetters,
			MaxReceiveCount: jsii.Number(maxReceiveCount),
		},
	})
}

// newQueue adds to the props of a queue what all have alike.
func (s *StreamerConstruct) newQueue(id string, p *StreamerProps, retentionDays int, queue *awssqs.QueueProps) awssqs.Queue {
	queue.RetentionPeriod = awscdk.Duration_Days(jsii.Number(retentionDays))
	queue.EnforceSSL = jsii.Bool(s.local.enforceSSL())
	queue.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	if p.EncryptionKey != nil {
		queue.Encryption = awssqs.QueueEncryption_KMS
		queue.EncryptionMasterKey = p.EncryptionKey
	}
	return awssqs.NewQueue(s, jsii.String(id), queue)
}
