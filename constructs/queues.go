package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
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
	s.DeadLetters = s.newQueue(s, "DeadLetters", p, deadRetentionDays, &awssqs.QueueProps{})
	s.Undispatched = s.newQueue(s, "Undispatched", p, deadRetentionDays, &awssqs.QueueProps{})
	suppress(s.Undispatched, "AwsSolutions-SQS3", "It is itself where the dispatcher's failures end, and no function reads it.")
	s.WorkQueue = s.newWorkQueue(s, p, p.Processor)
	for _, w := range p.Workers {
		s.addWorkerQueue(p, w)
	}
}

// newWorkQueue makes the queue that a processor reads. All of them have one dead-letter
// queue: a dead letter names its request, whose row tells where a hint belongs now, so one
// alarm and one place to look are enough (scripts/inspect).
func (s *StreamerConstruct) newWorkQueue(scope constructs.Construct, p *StreamerProps, processor FunctionProps) awssqs.Queue {
	return s.newQueue(scope, "Work", p, workRetentionDays, &awssqs.QueueProps{
		VisibilityTimeout: awscdk.Duration_Seconds(jsii.Number(processor.TimeoutSeconds + visibilityMarginSeconds)),
		DeadLetterQueue: &awssqs.DeadLetterQueue{
			Queue:           s.DeadLetters,
			MaxReceiveCount: jsii.Number(maxReceiveCount),
		},
	})
}

// newQueue adds to the props of a queue what all have alike.
func (s *StreamerConstruct) newQueue(scope constructs.Construct, id string, p *StreamerProps, retentionDays int, queue *awssqs.QueueProps) awssqs.Queue {
	queue.RetentionPeriod = awscdk.Duration_Days(jsii.Number(retentionDays))
	queue.EnforceSSL = jsii.Bool(s.local.enforceSSL())
	queue.Encryption = awssqs.QueueEncryption_SQS_MANAGED
	if p.EncryptionKey != nil {
		queue.Encryption = awssqs.QueueEncryption_KMS
		queue.EncryptionMasterKey = p.EncryptionKey
	}
	return awssqs.NewQueue(scope, jsii.String(id), queue)
}
