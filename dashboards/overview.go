package dashboards

import (
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/interfaces/interfacesawscloudwatch"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
)

// A dashboard is 24 units wide ("Dashboard Body Structure and Syntax").
const (
	full, third = 24, 8
	height      = 6
)

// Colors say the same thing on every graph.
const (
	good    = "#2ca02c"
	bad     = "#d62728"
	neutral = "#7f7f7f"
	blue    = "#1f77b4"
	orange  = "#ff7f0e"
)

// Widgets are the rows of the overview, for a dashboard of your own.
func Widgets(s *streamer.StreamerConstruct) [][]awscloudwatch.IWidget {
	rows := [][]awscloudwatch.IWidget{
		{alarms(s)},
		{connections(s), requests(s), refusals(s)},
		{waiting(s), depth(s), functionErrors(s)},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		rows = append(rows, worker(name, s))
	}
	return append(rows,
		[]awscloudwatch.IWidget{duration(s), queueWait(s), posts(s)},
		[]awscloudwatch.IWidget{recovery(s)},
	)
}

func alarms(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	refs := []interfacesawscloudwatch.IAlarmRef{}
	for _, alarm := range s.Alarms.All() {
		refs = append(refs, alarm)
	}
	return awscloudwatch.NewAlarmStatusWidget(&awscloudwatch.AlarmStatusWidgetProps{
		Title: jsii.String("Is anything wrong?"), Width: jsii.Number(full), Height: jsii.Number(3),
		Alarms: &refs,
	})
}

func connections(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Connections opened and closed", third,
		s.MetricConnected(look("opened", good)),
		s.MetricDisconnected(look("closed", neutral)),
	)
}

func requests(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Requests accepted and ended", third,
		s.MetricRequestsAccepted(look("accepted", blue)),
		s.MetricRequestsCompleted(look("completed", good)),
		s.MetricRequestsFailed(look("failed", bad)),
		s.MetricRequestsCancelled(look("cancelled", neutral)),
	)
}

func refusals(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("Messages refused", third, s.MetricMessagesRefused(look("refused", bad)))
}

// functionErrors is stacked and counts as the alarm does, so that the height of the
// stack can be compared with the alarm's threshold.
func functionErrors(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	errors := s.MetricFunctionErrors(&awscloudwatch.MetricOptions{Period: fiveMinutes()})
	metrics := []awscloudwatch.IMetric{}
	for _, name := range slices.Sorted(maps.Keys(errors)) {
		metrics = append(metrics, errors[name])
	}
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Function errors"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left:            &metrics,
		LeftAnnotations: threshold(s.Alarms.FunctionErrors),
		LeftYAxis:       fromZero,
		Stacked:         jsii.Bool(true),
	})
}

func waiting(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	oldest := look("oldest waiting request", blue)
	oldest.Period = fiveMinutes() // as often as the reconciler tells
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("How long work waits"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left:            &[]awscloudwatch.IMetric{s.MetricOldestWaiting(oldest)},
		LeftAnnotations: threshold(s.Alarms.OldestWaiting),
		LeftYAxis:       &awscloudwatch.YAxisProps{Min: jsii.Number(0), Label: jsii.String("ms"), ShowUnits: jsii.Bool(false)},
		Right:           &[]awscloudwatch.IMetric{s.MetricWorkQueueAge(look("oldest hint, those under work included", orange))},
		RightYAxis:      &awscloudwatch.YAxisProps{Min: jsii.Number(0), Label: jsii.String("s"), ShowUnits: jsii.Bool(false)},
	})
}

func depth(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Work waiting, under work and dead"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left: &[]awscloudwatch.IMetric{
			s.MetricWorkQueueDepth(look("waiting", blue)),
			s.MetricInWork(look("under work", good)),
			s.MetricDeadLetters(look("dead letters", bad)),
			s.MetricUndispatched(look("undispatched batches", orange)),
		},
		LeftAnnotations: threshold(s.Alarms.DeadLetters),
		LeftYAxis:       fromZero,
	})
}

// worker answers for one worker what the row above it does for the rest.
func worker(name string, s *streamer.StreamerConstruct) []awscloudwatch.IWidget {
	w := s.Workers[name]
	errors := look("processor", bad)
	errors.Period = fiveMinutes()
	return []awscloudwatch.IWidget{
		awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String("Worker " + name + ": how old its work is"), Width: jsii.Number(third), Height: jsii.Number(height),
			Left:      &[]awscloudwatch.IMetric{w.MetricQueueAge(look("oldest hint, those under work included", orange))},
			LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0), Label: jsii.String("s"), ShowUnits: jsii.Bool(false)},
		}),
		counts("Worker "+name+": work waiting and under work", third,
			w.MetricQueueDepth(look("waiting", blue)),
			w.MetricInWork(look("under work", good)),
		),
		awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
			Title: jsii.String("Worker " + name + ": function errors"), Width: jsii.Number(third), Height: jsii.Number(height),
			Left:            &[]awscloudwatch.IMetric{w.MetricErrors(errors)},
			LeftAnnotations: threshold(s.Alarms.WorkerErrors[name]),
			LeftYAxis:       fromZero,
		}),
	}
}

func posts(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("Frames posted, and what became of the others"), Width: jsii.Number(third), Height: jsii.Number(height),
		Left:      &[]awscloudwatch.IMetric{s.MetricFramesPosted(look("posted", good))},
		LeftYAxis: fromZero,
		Right: &[]awscloudwatch.IMetric{
			s.MetricConnectionsGone(look("connection gone", neutral)),
			s.MetricPostsDenied(look("denied", bad)),
			s.MetricPostsTooLarge(look("too large", orange)),
		},
		RightYAxis: fromZero,
	})
}

func duration(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("How long requests take, accepted to ended", third, s.MetricRequestDuration)
}

func queueWait(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return times("How long requests wait for their first attempt", third, s.MetricQueueWait)
}

func recovery(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	return counts("What was tried again", full,
		s.MetricAttemptsRetried(look("attempts retried", orange)),
		s.MetricAttemptsContinued(look("continued in another function", good)),
		s.MetricHintsResent(look("hints resent", blue)),
		s.MetricUndecodableHints(look("hints nobody can read", bad)),
	)
}
