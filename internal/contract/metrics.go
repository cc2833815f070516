package contract

// MetricNamespace holds Streamer's own metrics, which the functions write as
// CloudWatch embedded metrics. Every one has the dimension DimensionService, whose
// value is the requests table's name: unique in a region, known on both sides, and
// the same over deploys. Those marked (by action) are also written with
// DimensionAction beside it.
const (
	MetricNamespace  = "Streamer"
	DimensionService = "Service"
	DimensionAction  = "Action"
)

// Streamer's own metrics, with their units.
const (
	MetricConnected    = "Connected"         // Count: connections opened
	MetricDisconnected = "Disconnected"      // Count: connections closed, as far as $disconnect told
	MetricAccepted     = "RequestsAccepted"  // Count (by action): async requests stored
	MetricRefused      = "MessagesRefused"   // Count: messages answered with an error frame
	MetricCompleted    = "RequestsCompleted" // Count (by action)
	MetricFailed       = "RequestsFailed"    // Count (by action)
	MetricCancelled    = "RequestsCancelled" // Count (by action)
	MetricRetried      = "AttemptsRetried"   // Count (by action)
	MetricContinued    = "AttemptsContinued" // Count (by action): functions given back, for the attempt to go on in another
	MetricDuration     = "RequestDuration"   // Milliseconds (by action): accepted to terminal
	MetricQueueWait    = "QueueWait"         // Milliseconds (by action): accepted to first claim
	MetricPosts        = "FramesPosted"      // Count: frames that API Gateway took
	MetricGone         = "ConnectionsGone"   // Count: posts answered 410
	MetricPostDenied   = "PostsDenied"       // Count: posts answered 403
	MetricPostTooLarge = "PostsTooLarge"     // Count: posts answered 413
	MetricBadHint      = "UndecodableHints"  // Count: stream records and messages nobody can read
	MetricOldestOpen   = "OldestWaiting"     // Milliseconds: age of the oldest request nobody works on; every reconciler run
	MetricHintsResent  = "HintsResent"       // Count: hints that the reconciler sent again
)
