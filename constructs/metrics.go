package constructs

import (
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// metricPeriodMinutes is the period of a metric unless its options say otherwise.
const metricPeriodMinutes = 1

// ActionDimension narrows a metric marked (by action) to one action:
//
//	streamer.MetricRequestDuration(&awscloudwatch.MetricOptions{
//		DimensionsMap: &map[string]*string{constructs.ActionDimension: jsii.String("generate_report")},
//	})
const ActionDimension = contract.DimensionAction

// Streamer's own metrics. Options may be nil: the sum of counts, the 95th percentile
// of times, over one minute.

// MetricConnected counts connections opened.
func (s *StreamerConstruct) MetricConnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricConnected, options)
}

// MetricDisconnected counts connections closed, as far as API Gateway told.
func (s *StreamerConstruct) MetricDisconnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricDisconnected, options)
}

// MetricRequestsAccepted counts async requests stored (by action).
func (s *StreamerConstruct) MetricRequestsAccepted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricAccepted, options)
}

// MetricMessagesRefused counts messages answered with an error frame.
func (s *StreamerConstruct) MetricMessagesRefused(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricRefused, options)
}

// MetricRequestsCompleted counts requests that ended with a result (by action).
func (s *StreamerConstruct) MetricRequestsCompleted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricCompleted, options)
}

// MetricRequestsFailed counts requests that ended without one (by action).
func (s *StreamerConstruct) MetricRequestsFailed(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricFailed, options)
}

// MetricRequestsCancelled counts requests that their owner ended (by action).
func (s *StreamerConstruct) MetricRequestsCancelled(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricCancelled, options)
}

// MetricAttemptsRetried counts attempts that failed and will be repeated (by action).
func (s *StreamerConstruct) MetricAttemptsRetried(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricRetried, options)
}

// MetricAttemptsContinued counts functions that were given back for their attempt to go
// on in another one (by action).
func (s *StreamerConstruct) MetricAttemptsContinued(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricContinued, options)
}

// MetricRequestDuration is the time from acceptance to the end, in ms (by action).
func (s *StreamerConstruct) MetricRequestDuration(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.time(contract.MetricDuration, options)
}

// MetricQueueWait is the time from acceptance to the first work, in ms (by action).
func (s *StreamerConstruct) MetricQueueWait(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.time(contract.MetricQueueWait, options)
}

// MetricFramesPosted counts frames that API Gateway took for delivery.
func (s *StreamerConstruct) MetricFramesPosted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricPosts, options)
}

// MetricConnectionsGone counts frames for connections that no longer existed.
func (s *StreamerConstruct) MetricConnectionsGone(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricGone, options)
}

// MetricPostsDenied counts frames that the function was not permitted to post.
func (s *StreamerConstruct) MetricPostsDenied(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricPostDenied, options)
}

// MetricPostsTooLarge counts frames above what API Gateway takes.
func (s *StreamerConstruct) MetricPostsTooLarge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricPostTooLarge, options)
}

// MetricUndecodableHints counts stream records and messages that nobody can read.
func (s *StreamerConstruct) MetricUndecodableHints(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricBadHint, options)
}

// MetricOldestWaiting is the age of the oldest request that nobody works on, in ms,
// published by every run of the reconciler. Default statistic: maximum.
func (s *StreamerConstruct) MetricOldestWaiting(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.own(contract.MetricOldestOpen, awscloudwatch.Stats_MAXIMUM(), options)
}

// MetricHintsResent counts hints that the reconciler sent again.
func (s *StreamerConstruct) MetricHintsResent(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.count(contract.MetricHintsResent, options)
}

// Metrics that AWS publishes.

// MetricFunctionErrors is the number of runs that failed, of each function by its
// name. Those of workers are told by Worker.MetricErrors.
func (s *StreamerConstruct) MetricFunctionErrors(options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric {
	errors := map[string]awscloudwatch.Metric{}
	for name, function := range s.functions() {
		with := withDefaultStatistic(awscloudwatch.Stats_SUM(), options)
		with.Label = jsii.String(name)
		errors[name] = function.MetricErrors(with)
	}
	return errors
}

// MetricWorkQueueDepth is the number of hints that wait for the processor.
func (s *StreamerConstruct) MetricWorkQueueDepth(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.WorkQueue.MetricApproximateNumberOfMessagesVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

// MetricWorkQueueAge is the age of the oldest hint in seconds, those under work
// included.
func (s *StreamerConstruct) MetricWorkQueueAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.WorkQueue.MetricApproximateAgeOfOldestMessage(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

// MetricInWork is the number of hints under work: the processor's concurrency.
func (s *StreamerConstruct) MetricInWork(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.WorkQueue.MetricApproximateNumberOfMessagesNotVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

// MetricDeadLetters is the number of hints that were delivered too often.
func (s *StreamerConstruct) MetricDeadLetters(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.DeadLetters.MetricApproximateNumberOfMessagesVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

// MetricUndispatched is the number of batches that the dispatcher gave up.
func (s *StreamerConstruct) MetricUndispatched(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.Undispatched.MetricApproximateNumberOfMessagesVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

func (s *StreamerConstruct) functions() map[string]awslambda.IFunction {
	all := map[string]awslambda.IFunction{
		"router": s.Router, "dispatcher": s.Dispatcher, "processor": s.Processor, "reconciler": s.Reconciler,
	}
	if s.Authorizer != nil {
		all["authorizer"] = s.Authorizer
	}
	return all
}

func (s *StreamerConstruct) count(name string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.own(name, awscloudwatch.Stats_SUM(), options)
}

func (s *StreamerConstruct) time(name string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return s.own(name, awscloudwatch.Stats_Percentile(jsii.Number(95)), options)
}

// own is one of Streamer's own metrics, of this Streamer alone.
func (s *StreamerConstruct) own(name string, statistic *string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	dimensions := map[string]*string{contract.DimensionService: s.Requests.TableName()}
	with := withDefaultStatistic(statistic, options)
	if with.DimensionsMap != nil {
		maps.Copy(dimensions, *with.DimensionsMap)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(contract.MetricNamespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &dimensions,
		Statistic:     with.Statistic,
		Period:        with.Period,
		Label:         with.Label,
		Color:         with.Color,
		Unit:          with.Unit,
		Id:            with.Id,
		Visible:       with.Visible,
		Account:       with.Account,
		Region:        with.Region,
		StackAccount:  with.StackAccount,
		StackRegion:   with.StackRegion,
	})
}

func withDefaultStatistic(statistic *string, options *awscloudwatch.MetricOptions) *awscloudwatch.MetricOptions {
	with := copyOf(options)
	if with.Statistic == nil {
		with.Statistic = statistic
	}
	if with.Period == nil {
		with.Period = awscdk.Duration_Minutes(jsii.Number(metricPeriodMinutes))
	}
	return with
}
