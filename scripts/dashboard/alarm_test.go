package main

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/resources"
)

// notice is what an alarm tells (CloudWatch user guide, "Notifying users on alarm changes").
type notice struct {
	AlarmName, NewStateValue, NewStateReason, AlarmDescription string
	Trigger                                                    struct{ MetricName string }
}

// TestAFailureIsToldInAQueue breaks a worker for real, gives it work, and waits for what the
// alarm tells whoever listens: no more than that worker's, and when it is over, that too.
func TestAFailureIsToldInAQueue(t *testing.T) {
	at := localStage(t)
	one := func(ofType, id string) string {
		t.Helper()
		all, err := resources.Of(t.Context(), at.Config, at.Stack.Name, ofType)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if strings.Contains(r.LogicalID, id) {
				return r.ID
			}
		}
		t.Fatalf("the stage has no %s %s", ofType, id)
		return ""
	}
	alarm, queue := one("AWS::CloudWatch::Alarm", "WorkersreportsErrorsAlarm"), one("AWS::SQS::Queue", "Heard")
	alarms := cloudwatch.NewFromConfig(at.Config)
	well := func(reason string) {
		t.Helper()
		if _, err := alarms.SetAlarmState(t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &alarm, StateValue: types.StateValueOk, StateReason: &reason}); err != nil {
			t.Fatal(err)
		}
	}
	well("a test begins")

	mend := broken(t, at.Config, one("AWS::Lambda::Function", "WorkersreportsProcessorFunction"))
	c := dial(t)
	var runs []*client.Run[handlers.ReportOut]
	for range 5 { // as many errors as the alarm is for
		run, err := client.Submit(t.Context(), c, handlers.GenerateReport, handlers.ReportIn{StartDate: "2024-01-01", EndDate: "2024-01-02"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, run)
	}
	b := newBridge(at.Config, at.Stack.Name)
	from := listener{queues: sqs.NewFromConfig(at.Config), queue: queue, alarm: alarm}
	told := from.hears(t, "ALARM", "", func() { // upon each look the local stage looks at its alarms
		if err := b.fill(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if told.Trigger.MetricName != "Errors" || !strings.Contains(told.AlarmDescription, "RUNBOOK.md#worker-errors") {
		t.Errorf("it is told %+v", told)
	}

	// The page says so, too: the errors are drawn, and the alarm is red.
	address := open(t)
	for _, w := range read(t, address, "minutes=15") {
		for _, a := range w.Alarms {
			if strings.Contains(a.Name, "Undispatched") && a.State == "ALARM" {
				t.Errorf("another alarm goes off with it: %+v", a)
			}
			if a.Name == alarm && a.State != "ALARM" {
				t.Errorf("the page shows %+v", a)
			}
		}
	}
	failures := 0.0
	for _, name := range dashboards(t, address) {
		for _, w := range read(t, address, "minutes=15&dashboard="+name) {
			for _, l := range w.Lines {
				if w.Title != "processor of reports: errors" || l.Label != "failed" {
					continue
				}
				for _, v := range l.Values {
					if v != nil {
						failures += *v
					}
				}
			}
		}
	}
	if failures < 5 {
		t.Errorf("%v errors of the worker are drawn", failures)
	}

	mend()
	well("mended") // as CloudWatch finds after five minutes without an error
	from.hears(t, "OK", "mended", func() {})
	for _, run := range runs {
		if err := run.Cancel(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// broken takes from a function a variable that it does not start without, until it is mended.
func broken(t *testing.T, cfg aws.Config, name string) (mend func()) {
	t.Helper()
	functions := lambda.NewFromConfig(cfg)
	before, err := functions.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	live, err := functions.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &name, Name: aws.String(contract.Alias)})
	if err != nil {
		t.Fatal(err)
	}
	set := func(variables map[string]string, version *string) {
		t.Helper()
		ctx := context.WithoutCancel(t.Context())
		_, err := functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &name, Environment: &lambdatypes.Environment{Variables: variables},
		})
		if err == nil {
			_, err = functions.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &name, Name: live.Name, FunctionVersion: version})
		}
		if err != nil {
			t.Error(err)
		}
	}
	without := maps.Clone(before.Environment.Variables)
	delete(without, contract.EnvRequestsTable)
	set(without, aws.String("$LATEST")) // which is what changed
	mend = func() { set(before.Environment.Variables, live.FunctionVersion) }
	t.Cleanup(mend)
	return mend
}

// listener hears in a queue what one alarm tells.
type listener struct {
	queues       *sqs.Client
	queue, alarm string
}

// hears waits until the alarm has told that it is in a state, for a reason if one is named,
// and prompts meanwhile.
func (l listener) hears(t *testing.T, state, reason string, prompt func()) notice {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		prompt()
		out, err := l.queues.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &l.queue, WaitTimeSeconds: 1, MaxNumberOfMessages: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			if _, err := l.queues.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &l.queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			var envelope struct{ Message string }
			var told notice
			if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &envelope); err != nil {
				t.Fatal(err)
			}
			if json.Unmarshal([]byte(envelope.Message), &told) == nil && told.AlarmName == l.alarm && told.NewStateValue == state && strings.Contains(told.NewStateReason, reason) {
				return told
			}
		}
	}
	t.Fatalf("nobody is told that %s is %s", l.alarm, state)
	return notice{}
}
