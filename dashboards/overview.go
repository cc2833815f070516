package dashboards

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// Widgets are the rows of the overview, for a dashboard of your own.
func Widgets(s *streamer.StreamerConstruct) [][]awscloudwatch.IWidget {
	return [][]awscloudwatch.IWidget{
		{alarms(s), numbers(s)},
		{requests(s), refusals(s), functionErrors(s)},
		{duration(s), queueWait(s), waiting(s)},
		{live(s), byAction(s), failures(s)},
		{cost(s)},
	}
}

func alarms(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	refs := []interfacesawscloudwatch.IAlarmRef{}
	for _, alarm := range s.Alarms.All() {
		refs = append(refs, alarm)
	}
	return awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String("Is anything wrong?"), Width: jsii.Number(half), Height: jsii.Number(3),
		Alarms: &refs,
	})
}

// numbers sum the time that is shown up.
func numbers(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	slow := look("p95", orange)
	slow.Statistic = awscloudwatch.Stats_Percentile(jsii.Number(95))
	return awscloudwatch.NewSingleValueWidget(&awscloudwatch.SingleValueWidgetProps{
		Title: jsii.String("Accepted, failed, how long, and who is there"), Width: jsii.Number(half), Height: jsii.Number(3),
		Metrics: &[]awscloudwatch.IMetric{
			s.MetricRequestsAccepted(look("accepted", blue)),
			s.MetricRequestsFailed(look("failed", bad)),
			s.MetricRequestDuration(slow),
			s.MetricLiveConnections(look("open connections", blue)),
		},
		SetPeriodToTimeRange: jsii.Bool(true),
	})
}

func requests(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Requests accepted, answered and ended", third,
		s.MetricRequestsAccepted(look("accepted", blue)),
		s.MetricRequestsAnswered(look("answered", neutral)),
		s.MetricRequestsCompleted(look("completed", good)),
		s.MetricRequestsFailed(look("failed", bad)),
		s.MetricRequestsCancelled(look("cancelled", orange)),
	)
}

func refusals(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Messages and connects refused", third,
		s.MetricMessagesRefused(look("messages", bad)),
		s.MetricConnectsRefused(look("connects", orange)),
	)
}

// functionErrors is stacked and counts as the alarm does, so that the height of the
// stack can be compared with the alarm's threshold. Workers are in it, too, so that nobody
// overlooks theirs: each has an alarm of its own, with the same threshold.
func functionErrors(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	errors := s.MetricFunctionErrors(&awscloudwatch.MetricOptions{Period: fiveMinutes()})
	metrics := []awscloudwatch.IMetric{}
	for _, name := range slices.Sorted(maps.Keys(errors)) {
		metrics = append(metrics, errors[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		metrics = append(metrics, s.Workers[name].MetricErrors(&awscloudwatch.MetricOptions{Period: fiveMinutes(), Label: jsii.String(name)}))
	}
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Function errors"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left:            &metrics,
		LeftAnnotations: threshold(s.Alarms.FunctionErrors),
		LeftYAxis:       fromZero,
		Stacked:         jsii.Bool(true),
	})
}

func duration(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("How long requests take, accepted to ended", third, s.MetricRequestDuration)
}

func queueWait(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("How long requests wait for their first attempt", third, s.MetricQueueWait)
}

func waiting(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	oldest := look("oldest waiting request", blue)
	oldest.Period = fiveMinutes() // as often as the reconciler tells
	return graph("How long work waits", third, "ms", s.Alarms.OldestWaiting, s.MetricOldestWaiting(oldest))
}

func live(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	open := look("open", blue)
	open.Period = fiveMinutes() // as often as the reconciler counts
	return counts("Connections", third,
		s.MetricLiveConnections(open),
		s.MetricConnected(look("opened", good)),
		s.MetricDisconnected(look("closed", neutral)),
	)
}

func byAction(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return byEach("Requests by action", third, s, contract.DimensionAction, contract.MetricAccepted, contract.MetricAnswered)
}

func failures(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return byEach("Failures and refusals by code", third, s, contract.DimensionCode, contract.MetricFailed, contract.MetricRefused, contract.MetricConnectRefused)
}
