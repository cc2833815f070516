package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

const (
	// dispatchBatch is how many stream records one run of the dispatcher takes.
	dispatchBatch = 100
	// dispatchHours is how long the dispatcher tries. Then the lane goes on, and the
	// reconciler takes care of what was left.
	dispatchHours = 1
	// reconcileMinutes is how often the reconciler runs.
	reconcileMinutes = 5
)

// addSources says what makes the functions behind the API run.
func (s *StreamerConstruct) addSources(p *StreamerProps) {
	s.DispatcherSource = awslambda.NewEventSourceMapping(s, jsii.String("DispatcherSource"), &awslambda.EventSourceMappingProps{
		Target:           s.Aliases[contract.FunctionDispatcher],
		EventSourceArn:   s.Requests.TableStreamArn(),
		StartingPosition: awslambda.StartingPosition_TRIM_HORIZON,
		BatchSize:        jsii.Number(dispatchBatch),
		// A record waits for nothing, and is tried again until it is too old.
		MaxBatchingWindow:  awscdk.Duration_Seconds(jsii.Number(0)),
		MaxRecordAge:       awscdk.Duration_Hours(jsii.Number(dispatchHours)),
		RetryAttempts:      jsii.Number(-1),
		BisectBatchOnError: jsii.Bool(true),
		Filters: &[]*map[string]any{ // any of them lets a record through
			rowsWith(contract.StatusAttribute, contract.StatusPending),
			rowsWith(contract.NoticeAttribute, contract.NoticeDue),
		},
	})
	// Not by OnFailure, which would also let the dispatcher read the queue's attributes.
	s.DispatcherSource.Node().DefaultChild().(awslambda.CfnEventSourceMapping).SetDestinationConfig(
		&awslambda.CfnEventSourceMapping_DestinationConfigProperty{
			OnFailure: &awslambda.CfnEventSourceMapping_OnFailureProperty{Destination: s.Undispatched.QueueArn()},
		})

	s.ProcessorSource = newProcessorSource(s, s.WorkQueue, s.Aliases[contract.FunctionProcessor], p.MaxConcurrency)
	for _, w := range p.Workers {
		worker := s.Workers[w.Name]
		worker.Source = newProcessorSource(worker.scope, worker.Queue, worker.Alias, w.MaxConcurrency)
	}

	s.ReconcilerRule = awsevents.NewRule(s, jsii.String("ReconcilerRule"), &awsevents.RuleProps{
		Description: jsii.String("Streamer: runs the reconciler"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(reconcileMinutes))),
		Targets: &[]awsevents.IRuleTarget{awseventstargets.NewLambdaFunction(s.Aliases[contract.FunctionReconciler], &awseventstargets.LambdaFunctionProps{
			RetryAttempts: jsii.Number(0), // the next run makes up for a lost one
		})},
	})
}

// rowsWith lets the records through of rows that have this value.
func rowsWith(attribute, value string) *map[string]any {
	return awslambda.FilterCriteria_Filter(&map[string]any{
		"dynamodb": map[string]any{"NewImage": map[string]any{attribute: map[string]any{"S": []string{value}}}},
	})
}

// newProcessorSource lets a processor read its work queue.
func newProcessorSource(scope constructs.Construct, queue awssqs.IQueue, processor awslambda.IFunction, concurrency int) awslambda.EventSourceMapping {
	return awslambda.NewEventSourceMapping(scope, jsii.String("ProcessorSource"), &awslambda.EventSourceMappingProps{
		Target:                  processor,
		EventSourceArn:          queue.QueueArn(),
		BatchSize:               jsii.Number(1), // a long request holds up no other
		ReportBatchItemFailures: jsii.Bool(true),
		MaxConcurrency:          jsii.Number(concurrency),
	})
}
