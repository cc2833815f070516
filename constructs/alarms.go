package constructs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Alarms are the alarms of a Streamer.
type Alarms struct {
	DeadLetters    awscloudwatch.Alarm // a request cannot even be refused
	Undispatched   awscloudwatch.Alarm // the dispatcher gave up a part of the stream
	OldestWaiting  awscloudwatch.Alarm // requests wait too long, or nobody looks
	FunctionErrors awscloudwatch.Alarm // runs crash; nil on the local stage

	WorkerErrors map[string]awscloudwatch.Alarm // runs of a worker's processor crash, by its name
}

// All lists the alarms that exist.
func (a Alarms) All() []awscloudwatch.Alarm {
	all := []awscloudwatch.Alarm{a.DeadLetters, a.Undispatched, a.OldestWaiting, a.FunctionErrors}
	for _, name := range slices.Sorted(maps.Keys(a.WorkerErrors)) {
		all = append(all, a.WorkerErrors[name])
	}
	return slices.DeleteFunc(all, func(alarm awscloudwatch.Alarm) bool { return alarm == nil })
}

// runbook says for each alarm what it means, how to look, what to do and when it is over.
const runbook = "https://github.com/pay-theory/streamer/blob/main/RUNBOOK.md"

// addAlarms makes the alarms. Each description says what it means, what to do first, and
// where the runbook goes on.
func (s *StreamerConstruct) addAlarms(p *StreamerProps) {
	fiveMinutes := &awscloudwatch.MetricOptions{Period: awscdk.Duration_Minutes(jsii.Number(5))}

	s.Alarms.DeadLetters = s.newAlarm(s, "DeadLettersAlarm", "dead-letters", p, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(fmt.Sprintf("A request was handed to the processor %d times and never came to an end. "+
			"First: read the request_id of the message in the dead-letter queue, and the processor's log for it; redrive the queue when the cause is gone.", maxReceiveCount)),
		Metric:             s.MetricDeadLetters(nil),
		Threshold:          jsii.Number(0),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // SQS is silent about idle queues
	})
	s.Alarms.Undispatched = s.newAlarm(s, "UndispatchedAlarm", "undispatched", p, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String("The dispatcher failed on a part of the requests' stream for an hour and went on without it. No request is lost: the reconciler sends their hints, more slowly. " +
			"First: read the dispatcher's log; purge the queue when the cause is gone."),
		Metric:             s.MetricUndispatched(nil),
		Threshold:          jsii.Number(0),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
	s.Alarms.OldestWaiting = s.newAlarm(s, "OldestWaitingAlarm", "oldest-waiting", p, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String(fmt.Sprintf("A request waits longer than it should, or the reconciler, which tells so every %d minutes, does not run. "+
			"First: see on the dashboard which work queue has waiting requests, and compare those under work with its MaxConcurrency; if there is room, read the logs of dispatcher and reconciler. "+
			"Right after the first deployment, it is over with the reconciler's first run.", reconcileMinutes)),
		Metric:             s.MetricOldestWaiting(fiveMinutes),
		Threshold:          jsii.Number(p.Alarms.OldestWaitingMinutes * 60 * 1000),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD,
		// Two, because runs 5 minutes apart may leave one period of 5 minutes empty.
		EvaluationPeriods: jsii.Number(2),
		TreatMissingData:  awscloudwatch.TreatMissingData_BREACHING,
	})
	// Each by itself: CloudWatch takes ten metrics in the expression of an alarm.
	s.Alarms.WorkerErrors = map[string]awscloudwatch.Alarm{}
	for _, w := range p.Workers {
		worker := s.Workers[w.Name]
		s.Alarms.WorkerErrors[w.Name] = s.newAlarm(worker.scope, "ErrorsAlarm", "worker-errors", p, &awscloudwatch.AlarmProps{
			AlarmDescription: jsii.String("The processor of the worker " + w.Name + " crashes, runs out of time or out of memory, or does not start because it lacks an action. " +
				"Its requests wait or are tried again; others go on. First: read its log."),
			Metric:             worker.MetricErrors(fiveMinutes),
			Threshold:          jsii.Number(p.Alarms.FunctionErrors),
			ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
			EvaluationPeriods:  jsii.Number(1),
			TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING, // it may have nothing to do
		})
	}
	if !s.local.metricMath() {
		return
	}
	errors := map[string]awscloudwatch.IMetric{}
	for name, metric := range s.MetricFunctionErrors(fiveMinutes) {
		errors[name] = metric
	}
	s.Alarms.FunctionErrors = s.newAlarm(s, "FunctionErrorsAlarm", "function-errors", p, &awscloudwatch.AlarmProps{
		AlarmDescription: jsii.String("Functions crash, run out of time or out of memory. A handler's own failures do not count here. " +
			"First: see on the dashboard which function it is, and read its log."),
		Metric: awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression:   jsii.String("SUM(FILL(METRICS(), 0))"), // a function that did not run tells nothing
			UsingMetrics: &errors,
			Label:        jsii.String("function errors"),
			Period:       fiveMinutes.Period,
		}),
		Threshold:          jsii.Number(p.Alarms.FunctionErrors),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		EvaluationPeriods:  jsii.Number(1),
		TreatMissingData:   awscloudwatch.TreatMissingData_NOT_BREACHING,
	})
}

// newAlarm adds to an alarm's description the link to its chapter of the runbook.
func (s *StreamerConstruct) newAlarm(scope constructs.Construct, id, chapter string, p *StreamerProps, alarm *awscloudwatch.AlarmProps) awscloudwatch.Alarm {
	alarm.AlarmDescription = jsii.String(*alarm.AlarmDescription + " Runbook: " + p.Alarms.RunbookURL + "#" + chapter)
	return awscloudwatch.NewAlarm(scope, jsii.String(id), alarm)
}

// AddAlarmAction has actions told when any of the alarms goes off, those of workers included,
// and when it is over: as AlarmProps.Actions, for what is made after the Streamer.
func (s *StreamerConstruct) AddAlarmAction(actions ...awscloudwatch.IAlarmAction) {
	for _, alarm := range s.Alarms.All() {
		alarm.AddAlarmAction(actions...)
		alarm.AddOkAction(actions...)
	}
}
