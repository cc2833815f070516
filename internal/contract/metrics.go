package contract

// MetricNamespace holds Streamer's own metrics, which the functions write as
// CloudWatch embedded metrics. Every one has the dimension DimensionService, whose
// value is the requests table's name: unique in a region, known on both sides, and
// the same over deploys.
const (
	MetricNamespace  = "Streamer"
	DimensionService = "Service"
	DimensionAction  = "Action"
	DimensionCode    = "Code"
	DimensionTenant  = "Tenant"
)

// A Metric is one of Streamer's own: all that functions, alarms, dashboards and docs say
// about it stands here.
type Metric struct {
	Name string
	// Unit is CloudWatch's: UnitCount for what is added up, UnitLevel for a number that
	// stands for a moment, UnitMilliseconds for a time.
	Unit Unit
	// By are the dimensions beside DimensionService that it is also written with, one at
	// a time.
	By By
	// Meaning says what one of it is.
	Meaning string
}

// Unit is the unit of a metric.
type Unit string

// The units of Streamer's metrics.
const (
	UnitCount        Unit = "Count"
	UnitLevel        Unit = "None"
	UnitMilliseconds Unit = "Milliseconds"
)

// By says with which dimensions a metric is written. Each has few values: Action those
// that are declared, Code those of package protocol and of the handlers, Tenant those that
// StreamerProps.MeteredTenants names, and no others.
type By struct{ Action, Code, Tenant bool }

var (
	none        = By{}
	ofWork      = By{Action: true}
	ofOutcome   = By{Action: true, Tenant: true}
	ofFailure   = By{Action: true, Code: true, Tenant: true}
	ofBadTry    = By{Action: true, Code: true}
	ofRejection = By{Code: true}
)

// Streamer's own metrics.
var (
	MetricConnected       = Metric{"Connected", UnitCount, none, "connections opened"}
	MetricDisconnected    = Metric{"Disconnected", UnitCount, none, "connections closed, as far as API Gateway told"}
	MetricConnectRefused  = Metric{"ConnectsRefused", UnitCount, ofRejection, "handshakes refused, by the reason"}
	MetricLiveConnections = Metric{"LiveConnections", UnitLevel, none, "connections open, those that only ran out left out; told by every run of the reconciler"}

	MetricAccepted   = Metric{"RequestsAccepted", UnitCount, ofOutcome, "async requests stored"}
	MetricAnswered   = Metric{"RequestsAnswered", UnitCount, ofOutcome, "sync requests answered with a result"}
	MetricRefused    = Metric{"MessagesRefused", UnitCount, ofRejection, "messages answered with an error frame"}
	MetricWatched    = Metric{"RequestsWatched", UnitCount, ofWork, "subscriptions to a request: a client that came back, or another device"}
	MetricCompleted  = Metric{"RequestsCompleted", UnitCount, ofOutcome, "async requests that ended with a result"}
	MetricFailed     = Metric{"RequestsFailed", UnitCount, ofFailure, "async requests that ended without one"}
	MetricCancelled  = Metric{"RequestsCancelled", UnitCount, ofOutcome, "async requests that their owner ended"}
	MetricRetried    = Metric{"AttemptsRetried", UnitCount, ofBadTry, "attempts that failed and will be repeated"}
	MetricContinued  = Metric{"AttemptsContinued", UnitCount, ofWork, "functions given back, for the attempt to go on in another one"}
	MetricHandedOver = Metric{"AttemptsHandedOver", UnitCount, ofWork, "attempts that a handler handed over to other compute"}

	MetricDuration      = Metric{"RequestDuration", UnitMilliseconds, ofOutcome, "time from acceptance to the end"}
	MetricQueueWait     = Metric{"QueueWait", UnitMilliseconds, ofWork, "time from acceptance to the first work"}
	MetricFirstProgress = Metric{"TimeToFirstProgress", UnitMilliseconds, ofWork, "time from acceptance to the first progress frame that API Gateway took"}
	MetricRunTime       = Metric{"RunTime", UnitMilliseconds, ofWork, "time that one run of a handler took, its telling included"}

	MetricProgressPosted    = Metric{"ProgressPosted", UnitCount, ofWork, "progress frames that API Gateway took"}
	MetricProgressCoalesced = Metric{"ProgressCoalesced", UnitCount, ofWork, "reports that a newer one took the place of before they were posted"}

	MetricPosts         = Metric{"FramesPosted", UnitCount, none, "frames that API Gateway took for delivery"}
	MetricGone          = Metric{"ConnectionsGone", UnitCount, none, "posts to connections that no longer existed (410)"}
	MetricPostThrottled = Metric{"PostsThrottled", UnitCount, none, "posts that API Gateway asked to send later (429)"}
	MetricPostDenied    = Metric{"PostsDenied", UnitCount, none, "posts that the function was not permitted to make (403)"}
	MetricPostTooLarge  = Metric{"PostsTooLarge", UnitCount, none, "posts above what API Gateway takes (413)"}
	MetricPostFailed    = Metric{"PostsFailed", UnitCount, none, "posts without an answer, or with an error of API Gateway's"}

	MetricBadHint     = Metric{"UndecodableHints", UnitCount, none, "stream records and messages that nobody can read"}
	MetricOldestOpen  = Metric{"OldestWaiting", UnitMilliseconds, none, "age of the oldest request that nobody works on; told by every run of the reconciler"}
	MetricHintsResent = Metric{"HintsResent", UnitCount, ofWork, "hints that the reconciler sent again"}
)

// Metrics is the catalogue.
var Metrics = []Metric{
	MetricConnected, MetricDisconnected, MetricConnectRefused, MetricLiveConnections,
	MetricAccepted, MetricAnswered, MetricRefused, MetricWatched, MetricCompleted, MetricFailed, MetricCancelled, MetricRetried, MetricContinued, MetricHandedOver,
	MetricDuration, MetricQueueWait, MetricFirstProgress, MetricRunTime,
	MetricProgressPosted, MetricProgressCoalesced,
	MetricPosts, MetricGone, MetricPostThrottled, MetricPostDenied, MetricPostTooLarge, MetricPostFailed,
	MetricBadHint, MetricOldestOpen, MetricHintsResent,
}
