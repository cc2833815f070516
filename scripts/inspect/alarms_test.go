package main

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/resources"
)

func TestAlarmsThatNobodyHearsAreNamed(t *testing.T) {
	p := &patient{session: &session{now: start}, parts: []resources.Resource{{LogicalID: "OldestWaitingAlarm0123ABCD", ID: "S-Oldest"}}}
	topic := []string{"arn:aws:sns:eu-west-1:123456789012:alarms"}
	alarm := func(change func(*types.MetricAlarm)) []types.MetricAlarm {
		a := types.MetricAlarm{
			AlarmName: aws.String("S-Oldest"), ActionsEnabled: aws.Bool(true), AlarmActions: topic, OKActions: topic, AlarmDescription: aws.String("It waits. Runbook: https://example.com#it"),
			StateValue: types.StateValueOk, StateUpdatedTimestamp: aws.Time(start.Add(-3 * time.Hour)),
		}
		change(&a)
		return []types.MetricAlarm{a}
	}
	for what, c := range map[string]struct {
		alarms   []types.MetricAlarm
		emulator string
		want     finding // the zero one: none
	}{
		"well":   {alarm(func(*types.MetricAlarm) {}), "", finding{}},
		"on":     {alarm(func(a *types.MetricAlarm) { a.StateValue, a.StateReason = types.StateValueAlarm, aws.String("7 > 1") }), "", finding{State: bad, Says: "OldestWaitingAlarm: 7 > 1", Do: "https://example.com#it"}},
		"alone":  {alarm(func(a *types.MetricAlarm) { a.AlarmActions = nil }), "", finding{State: bad, Says: "1 of 1 alarm tell nobody", Do: "set STREAMER_ALARM_TOPIC and deploy, or AlarmProps.Actions: OPERATING.md#deploying"}},
		"off":    {alarm(func(a *types.MetricAlarm) { a.ActionsEnabled = aws.Bool(false) }), "", finding{State: bad, Says: "somebody switched off what 1 of 1 alarm tell", Do: "when whatever it was is over: aws cloudwatch enable-alarm-actions --alarm-names S-Oldest"}},
		"halved": {alarm(func(a *types.MetricAlarm) { a.OKActions = nil }), "", finding{State: note, Says: "nobody hears when it is over: OldestWaitingAlarm", Do: "AddAlarmAction tells both"}},
		"blind": {alarm(func(a *types.MetricAlarm) { a.StateValue = types.StateValueInsufficientData }), "", finding{State: bad, Says: "OldestWaitingAlarm cannot go off: it has had no data for 3h0m",
			Do: "see its metric in CloudWatch's console: does the function run, and is the metric still called so?"}},
		"blind here": {alarm(func(a *types.MetricAlarm) { a.StateValue = types.StateValueInsufficientData }), "http://127.0.0.1:1", finding{State: note,
			Says: "OldestWaitingAlarm has had no data for 3h0m: the local stage looks at an alarm only when its metric gets some"}},
		"new": {alarm(func(a *types.MetricAlarm) {
			a.StateValue, a.StateUpdatedTimestamp = types.StateValueInsufficientData, aws.Time(start.Add(-time.Minute))
		}), "", finding{}},
	} {
		p.Stage = place.Stage{Place: place.Place{Emulator: c.emulator}}
		got := append(p.states(c.alarms), p.silences(c.alarms)...)
		if c.want == (finding{}) && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: got %+v, want %+v", what, got, c.want)
		}
	}
}
