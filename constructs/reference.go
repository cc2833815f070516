package constructs

import (
	"maps"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// IStreamer is a Streamer that others may use: one that NewStreamer made, or one of
// another app that StreamerFromAttributes knows.
type IStreamer interface {
	constructs.Construct

	WebSocketURL() *string
	CallbackURL() *string

	GrantSubmit(grantee awsiam.IGrantable) awsiam.Grant
	GrantRead(grantee awsiam.IGrantable) awsiam.Grant
	GrantCancel(grantee awsiam.IGrantable) awsiam.Grant
	GrantReport(grantee awsiam.IGrantable) awsiam.Grant
	GrantManageConnections(grantee awsiam.IGrantable) awsiam.Grant
	GrantConnect(grantee awsiam.IGrantable) awsiam.Grant
	GrantReadRequests(grantee awsiam.IGrantable) awsiam.Grant

	MetricConnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricConnectsRefused(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricLiveConnections(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricDisconnected(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsAccepted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsAnswered(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsWatched(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricMessagesRefused(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsCompleted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsFailed(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestsCancelled(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricAttemptsRetried(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricAttemptsContinued(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricAttemptsHandedOver(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRequestDuration(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricQueueWait(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricTimeToFirstProgress(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricRunTime(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricProgressPosted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricProgressCoalesced(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricFramesPosted(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricConnectionsGone(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricPostsThrottled(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricPostsFailed(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricPostsDenied(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricPostsTooLarge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricUndecodableHints(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricOldestWaiting(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricHintsResent(options *awscloudwatch.MetricOptions) awscloudwatch.Metric

	MetricMessages(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricClientErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricIntegrationErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricExecutionErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricIntegrationLatency(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricWorkQueueDepth(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricWorkQueueAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricInWork(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricDeadLetters(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricFunctionErrors(options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric
	MetricFunctionThrottles(options *awscloudwatch.MetricOptions) map[string]awscloudwatch.Metric
	MetricDispatcherLag(options *awscloudwatch.MetricOptions) awscloudwatch.Metric

	WorkerMetrics() map[string]IWorker
}

// IWorker is a worker that others may look at, made here or by another app.
type IWorker interface {
	MetricQueueDepth(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricQueueAge(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricInWork(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
	MetricErrors(options *awscloudwatch.MetricOptions) awscloudwatch.Metric
}

// reference is what grants and metrics need to know of a Streamer, wherever it was made. It
// is embedded in the constructs; the jsii runtime takes an embedded struct that is all zero
// for one of its own, so stack is set before the construct is made.
type reference struct {
	stack                 awscdk.Stack // whose account and region it is in
	apiID, stageName      *string
	webSocketURL          *string
	callbackURL           *string
	connections, requests awsdynamodb.ITableV2
	files                 awss3.IBucket
	workQueue             awssqs.IQueue
	deadLetters           awssqs.IQueue
	keys                  []awskms.IKey      // that encrypt tables and files
	functionNames         map[string]*string // in Lambda, by ours
	workers               map[string]IWorker
}

// WorkerMetrics are the workers by name, for their metrics.
func (r *reference) WorkerMetrics() map[string]IWorker { return maps.Clone(r.workers) }

// WebSocketURL is where clients connect, "wss://…/v1".
func (r *reference) WebSocketURL() *string { return r.webSocketURL }

// CallbackURL is where functions post frames to connections, "https://…/v1".
func (r *reference) CallbackURL() *string { return r.callbackURL }

// route is the ARN of a route of the stage.
func (r *reference) route(name string) *string {
	return r.stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("execute-api"),
		Resource:     r.apiID,
		ResourceName: jsii.String(*r.stageName + "/" + name),
	})
}
