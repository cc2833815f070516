package dashboards

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// DetailWidgets are the rows of the detail dashboard, for a dashboard of your own:
// connections and progress first, then a row for each function and each queue.
func DetailWidgets(s *streamer.StreamerConstruct) [][]awscloudwatch.IWidget {
	rows := [][]awscloudwatch.IWidget{
		heading("Connections"),
		{live(s), refusals(s), posts(s)},
		heading("Progress, and what was tried again"),
		{firstProgress(s), runTime(s), progress(s)},
		{recovery(s), watched(s)},
		heading("Functions"),
	}
	functions := map[string]awslambda.IFunction{
		"router": s.Router, "dispatcher": s.Dispatcher, "processor": s.Processor, "reconciler": s.Reconciler,
	}
	if s.Authorizer != nil {
		functions["authorizer"] = s.Authorizer
	}
	queues := map[string]awssqs.IQueue{"work": s.WorkQueue, "dead letters": s.DeadLetters, "undispatched": s.Undispatched}
	guards := map[string]awscloudwatch.Alarm{"dead letters": s.Alarms.DeadLetters, "undispatched": s.Alarms.Undispatched}
	for name, worker := range s.Workers {
		functions["processor of "+name], queues["work of "+name] = worker.Processor, worker.Queue
		guards["processor of "+name] = s.Alarms.WorkerErrors[name]
	}
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		rows = append(rows, function(name, functions[name], guards[name]))
	}
	rows = append(rows, heading("Queues"))
	for _, name := range slices.Sorted(maps.Keys(queues)) {
		rows = append(rows, queue(name, queues[name], guards[name]))
	}
	return append(rows, heading("Logs"), []awscloudwatch.IWidget{errorLog(s)})
}

// errorLog is what went wrong last, in any function.
func errorLog(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	groups := []*string{}
	functions := []awslambda.Function{s.Router, s.Dispatcher, s.Processor, s.Reconciler}
	if _, ours := s.Aliases[contract.FunctionAuthorizer]; ours {
		functions = append(functions, s.Authorizer.(awslambda.Function))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		functions = append(functions, s.Workers[name].Processor)
	}
	for _, f := range functions {
		groups = append(groups, f.LogGroup().LogGroupName())
	}
	return awscloudwatch.NewLogQueryWidget(&awscloudwatch.LogQueryWidgetProps{
		Title: jsii.String("The latest errors of all functions"), Width: jsii.Number(full), Height: jsii.Number(8),
		LogGroupNames: &groups, Region: ifKnown(awscdk.Stack_Of(s).Region()),
		QueryLines: jsii.Strings("fields @timestamp, level, msg, request, action, error", `filter level in ["ERROR", "WARN"]`, "sort @timestamp desc", "limit 50"),
	})
}

func firstProgress(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("Accepted to first progress", third, s.MetricTimeToFirstProgress)
}

func runTime(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("How long a run of a handler takes", third, s.MetricRunTime)
}

func progress(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Progress posted, and what newer took the place of", third,
		s.MetricProgressPosted(look("posted", good)),
		s.MetricProgressCoalesced(look("coalesced", neutral)),
	)
}

func posts(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Frames posted, and what became of the others"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left:      &[]awscloudwatch.IMetric{s.MetricFramesPosted(look("posted", good))},
		LeftYAxis: fromZero,
		Right: &[]awscloudwatch.IMetric{
			s.MetricConnectionsGone(look("connection gone", neutral)),
			s.MetricPostsThrottled(look("throttled", blue)),
			s.MetricPostsFailed(look("not answered", "#9467bd")),
			s.MetricPostsDenied(look("denied", bad)),
			s.MetricPostsTooLarge(look("too large", orange)),
		},
		RightYAxis: fromZero,
	})
}

func recovery(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("What was tried again", half,
		s.MetricAttemptsRetried(look("attempts retried", orange)),
		s.MetricAttemptsContinued(look("continued in another function", good)),
		s.MetricAttemptsHandedOver(look("handed over", neutral)),
		s.MetricHintsResent(look("hints resent", blue)),
		s.MetricUndecodableHints(look("hints nobody can read", bad)),
	)
}

func watched(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Clients that came back to a request", half, s.MetricRequestsWatched(look("subscriptions", blue)))
}

// ofAWS is look for what AWS measures, in the steps of the alarms.
func ofAWS(label, color, statistic string) *awscloudwatch.MetricOptions {
	options := look(label, color)
	options.Statistic, options.Period = jsii.String(statistic), fiveMinutes()
	return options
}

// function is the row of one function. AWS measures all of it.
func function(name string, f awslambda.IFunction, guard awscloudwatch.Alarm) []awscloudwatch.IWidget {
	return []awscloudwatch.IWidget{
		counts(name+": runs", third,
			f.MetricInvocations(ofAWS("runs", blue, "Sum")),
			f.MetricThrottles(ofAWS("throttled", orange, "Sum")),
		),
		graph(name+": errors", third, "", guard, f.MetricErrors(ofAWS("failed", bad, "Sum"))),
		graph(name+": duration", third, "ms", nil,
			f.MetricDuration(ofAWS("p50", good, "p50")),
			f.MetricDuration(ofAWS("p99", orange, "p99")),
			f.MetricDuration(ofAWS("longest", bad, "Maximum")),
		),
	}
}

// queue is the row of one queue. AWS measures all of it.
func queue(name string, q awssqs.IQueue, guard awscloudwatch.Alarm) []awscloudwatch.IWidget {
	return []awscloudwatch.IWidget{
		graph(name+": messages", third, "", guard,
			q.MetricApproximateNumberOfMessagesVisible(ofAWS("waiting", blue, "Maximum")),
			q.MetricApproximateNumberOfMessagesNotVisible(ofAWS("under work", good, "Maximum")),
		),
		graph(name+": oldest message, those under work included", third, "s", nil,
			q.MetricApproximateAgeOfOldestMessage(ofAWS("oldest", orange, "Maximum")),
		),
		counts(name+": came and went", third,
			q.MetricNumberOfMessagesSent(ofAWS("sent", blue, "Sum")),
			q.MetricNumberOfMessagesDeleted(ofAWS("done", good, "Sum")),
		),
	}
}
