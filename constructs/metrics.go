package constructs

import (
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"

	"github.com/pay-theory/streamer/internal/contract"
)

// metricPeriodMinutes is the period of a metric unless its options say otherwise.
const metricPeriodMinutes = 1

// ActionDimension narrows a metric marked (by action) to one action, CodeDimension one
// marked (by code) to one code, TenantDimension one marked (by tenant) to one tenant of
// StreamerProps.MeteredTenants; one of them at a time:
//
//	streamer.MetricRequestDuration(&awscloudwatch.MetricOptions{
//		DimensionsMap: &map[string]*string{constructs.ActionDimension: jsii.String("generate_report")},
//	})
const (
	ActionDimension = contract.DimensionAction
	CodeDimension   = contract.DimensionCode
	TenantDimension = contract.DimensionTenant
)

// Streamer's own metrics. Options may be nil: the sum of counts, the 95th percentile
// of times, over one minute.

// MetricConnected counts connections opened.
func (r *reference) MetricConnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricConnected, options)
}

// MetricDisconnected counts connections closed, as far as API Gateway told.
func (r *reference) MetricDisconnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricDisconnected, options)
}

// MetricConnectsRefused counts handshakes refused (by code).
func (r *reference) MetricConnectsRefused(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricConnectRefused, options)
}

// MetricLiveConnections is the number of connections that are open, those that only ran
// out left out, published by every run of the reconciler. Default statistic: maximum.
func (r *reference) MetricLiveConnections(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricLiveConnections, options)
}

// MetricRequestsAccepted counts async requests stored (by action, by tenant).
func (r *reference) MetricRequestsAccepted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricAccepted, options)
}

// MetricRequestsAnswered counts sync requests answered with a result (by action, by tenant).
func (r *reference) MetricRequestsAnswered(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricAnswered, options)
}

// MetricRequestsWatched counts subscriptions to a request: a client that came back, or
// another device (by action).
func (r *reference) MetricRequestsWatched(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricWatched, options)
}

// MetricMessagesRefused counts messages answered with an error frame (by code).
func (r *reference) MetricMessagesRefused(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricRefused, options)
}

// MetricRequestsCompleted counts requests that ended with a result (by action, by tenant).
func (r *reference) MetricRequestsCompleted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricCompleted, options)
}

// MetricRequestsFailed counts requests that ended without one (by action, by code, by tenant).
func (r *reference) MetricRequestsFailed(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricFailed, options)
}

// MetricRequestsCancelled counts requests that their owner ended (by action, by tenant).
func (r *reference) MetricRequestsCancelled(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricCancelled, options)
}

// MetricAttemptsRetried counts attempts that failed and will be repeated (by action, by code).
func (r *reference) MetricAttemptsRetried(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricRetried, options)
}

// MetricAttemptsContinued counts functions that were given back for their attempt to go
// on in another one (by action).
func (r *reference) MetricAttemptsContinued(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricContinued, options)
}

// MetricAttemptsHandedOver counts attempts that a handler handed over to other compute (by
// action).
func (r *reference) MetricAttemptsHandedOver(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricHandedOver, options)
}

// MetricRequestDuration is the time from acceptance to the end, in ms (by action, by tenant).
func (r *reference) MetricRequestDuration(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricDuration, options)
}

// MetricQueueWait is the time from acceptance to the first work, in ms (by action).
func (r *reference) MetricQueueWait(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricQueueWait, options)
}

// MetricTimeToFirstProgress is the time from acceptance to the first progress frame that
// API Gateway took, in ms (by action).
func (r *reference) MetricTimeToFirstProgress(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricFirstProgress, options)
}

// MetricRunTime is the time that one run of a handler took, its telling included, in ms (by
// action).
func (r *reference) MetricRunTime(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricRunTime, options)
}

// MetricProgressPosted counts progress frames that API Gateway took (by action).
func (r *reference) MetricProgressPosted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricProgressPosted, options)
}

// MetricProgressCoalesced counts reports that a newer one took the place of before they
// were posted (by action).
func (r *reference) MetricProgressCoalesced(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricProgressCoalesced, options)
}

// MetricFramesPosted counts frames that API Gateway took for delivery.
func (r *reference) MetricFramesPosted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricPosts, options)
}

// MetricConnectionsGone counts frames for connections that no longer existed.
func (r *reference) MetricConnectionsGone(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricGone, options)
}

// MetricPostsDenied counts frames that the function was not permitted to post.
func (r *reference) MetricPostsDenied(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricPostDenied, options)
}

// MetricPostsTooLarge counts frames above what API Gateway takes.
func (r *reference) MetricPostsTooLarge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricPostTooLarge, options)
}

// MetricPostsThrottled counts posts that API Gateway asked to send later.
func (r *reference) MetricPostsThrottled(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricPostThrottled, options)
}

// MetricPostsFailed counts posts without an answer, or with an error of API Gateway's.
func (r *reference) MetricPostsFailed(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricPostFailed, options)
}

// MetricUndecodableHints counts stream records and messages that nobody can read.
func (r *reference) MetricUndecodableHints(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricBadHint, options)
}

// MetricOldestWaiting is the age of the oldest request that nobody works on, in ms,
// published by every run of the reconciler. Default statistic: maximum.
func (r *reference) MetricOldestWaiting(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricOldestOpen, options)
}

// MetricHintsResent counts hints that the reconciler sent again (by action).
func (r *reference) MetricHintsResent(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.own(contract.MetricHintsResent, options)
}

// Metrics that AWS publishes.

// MetricMessages counts messages of clients.
func (r *reference) MetricMessages(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.ofStage("MessageCount", awscloudwatch.Stats_SUM(), options)
}

// MetricClientErrors counts what API Gateway refused by itself: connections without
// permission, messages too large or too many.
func (r *reference) MetricClientErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.ofStage("ClientError", awscloudwatch.Stats_SUM(), options)
}

// MetricIntegrationErrors counts messages that the router did not answer.
func (r *reference) MetricIntegrationErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.ofStage("IntegrationError", awscloudwatch.Stats_SUM(), options)
}

// MetricExecutionErrors counts failures of API Gateway itself, such as a router that it may
// not call.
func (r *reference) MetricExecutionErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.ofStage("ExecutionError", awscloudwatch.Stats_SUM(), options)
}

// MetricIntegrationLatency is how long the router takes for a message, in ms.
func (r *reference) MetricIntegrationLatency(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return r.ofStage("IntegrationLatency", awscloudwatch.Stats_Percentile(jsii.Number(95)), options)
}

// MetricFunctionErrors is the number of runs that failed, of each function by its
// name. Those of workers are told by Worker.MetricErrors.
func (r *reference) MetricFunctionErrors(options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric {
	return r.ofFunctions("Errors", options)
}

// MetricFunctionThrottles is the number of runs that Lambda refused, of each function by
// its name: the account's concurrency is used up.
func (r *reference) MetricFunctionThrottles(options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric {
	return r.ofFunctions("Throttles", options)
}

// MetricDispatcherLag is the age of the last stream record that a run of the dispatcher took,
// in ms. Default statistic: maximum.
func (r *reference) MetricDispatcherLag(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	dispatcher := r.functionNames[contract.FunctionDispatcher]
	if dispatcher == nil {
		panic("streamer: the dispatcher is not among StreamerAttributes.FunctionNames: give its name")
	}
	return ofFunction(r.stack, dispatcher, "IteratorAge", awscloudwatch.Stats_MAXIMUM(), options)
}

// MetricWorkQueueDepth is the number of hints that wait for the processor.
func (r *reference) MetricWorkQueueDepth(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return waiting(r.workQueue, options)
}

// MetricWorkQueueAge is the age of the oldest hint in seconds, those under work
// included.
func (r *reference) MetricWorkQueueAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return oldest(r.workQueue, options)
}

// MetricInWork is the number of hints under work: the processor's concurrency.
func (r *reference) MetricInWork(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return inWork(r.workQueue, options)
}

// MetricDeadLetters is the number of hints that were delivered too often.
func (r *reference) MetricDeadLetters(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return waiting(r.deadLetters, options)
}

// MetricUndispatched is the number of batches that the dispatcher gave up.
func (s *StreamerConstruct) MetricUndispatched(options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return waiting(s.Undispatched, options)
}

// What SQS tells of a queue, each with its maximum by default.

func waiting(q awssqs.IQueue, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return q.MetricApproximateNumberOfMessagesVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

func oldest(q awssqs.IQueue, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return q.MetricApproximateAgeOfOldestMessage(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

func inWork(q awssqs.IQueue, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return q.MetricApproximateNumberOfMessagesNotVisible(withDefaultStatistic(awscloudwatch.Stats_MAXIMUM(), options))
}

// ofFunctions is the sum of a metric of Lambda's, of each function by its name.
func (r *reference) ofFunctions(metric string, options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric {
	metrics := map[string]awscloudwatch.Metric{}
	for name, function := range r.functionNames {
		with := copyOf(options)
		with.Label = jsii.String(name)
		metrics[name] = ofFunction(r.stack, function, metric, awscloudwatch.Stats_SUM(), with)
	}
	return metrics
}

func (s *StreamerConstruct) functions() map[string]awslambda.IFunction {
	all := map[string]awslambda.IFunction{
		contract.FunctionRouter: s.Router, contract.FunctionDispatcher: s.Dispatcher, contract.FunctionProcessor: s.Processor, contract.FunctionReconciler: s.Reconciler,
	}
	if s.Authorizer != nil {
		all[contract.FunctionAuthorizer] = s.Authorizer
	}
	return all
}

// own is one of Streamer's own metrics, of this Streamer alone.
func (r *reference) own(m contract.Metric, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return newMetric(r.stack, contract.MetricNamespace, m.Name, map[string]*string{contract.DimensionService: r.requests.TableName()}, statistic(m), options)
}

// statistic is what a metric is mostly looked at with.
func statistic(m contract.Metric) *string {
	switch {
	case m.Unit == contract.UnitCount:
		return awscloudwatch.Stats_SUM()
	case m == contract.MetricOldestOpen, m.Unit == contract.UnitLevel:
		return awscloudwatch.Stats_MAXIMUM()
	}
	return awscloudwatch.Stats_Percentile(jsii.Number(95))
}

// ofStage is one of API Gateway's, of this stage alone ("Monitor WebSocket API execution with
// CloudWatch metrics").
func (r *reference) ofStage(name string, statistic *string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return newMetric(r.stack, "AWS/ApiGateway", name, map[string]*string{"ApiId": r.apiID, "Stage": r.stageName}, statistic, options)
}

// ofFunction is one of Lambda's, of a function by its name there.
func ofFunction(stack awscdk.Stack, function *string, name string, statistic *string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	return newMetric(stack, "AWS/Lambda", name, map[string]*string{"FunctionName": function}, statistic, options)
}

// newMetric is of the account and region of a stack, wherever it is drawn.
func newMetric(stack awscdk.Stack, namespace, name string, dimensions map[string]*string, statistic *string, options *awscloudwatch.MetricOptions) awscloudwatch.Metric {
	with := withDefaultStatistic(statistic, options)
	if with.DimensionsMap != nil {
		maps.Copy(dimensions, *with.DimensionsMap)
	}
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(namespace),
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
	}).AttachTo(stack)
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
