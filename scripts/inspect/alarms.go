package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// blind is how long an alarm may lack data: a new one does so for some minutes, and then
// never, since silence is a state of each of Streamer's.
const blind = time.Hour

func checkAlarms(ctx context.Context, p *patient) ([]finding, error) {
	names := p.of("AWS::CloudWatch::Alarm")
	if len(names) == 0 {
		return []finding{wrong("leave AlarmProps as they are, and deploy", "there are no alarms")}, nil
	}
	alarms, err := p.alarms(ctx, names)
	if err != nil {
		return nil, err
	}
	found := p.states(alarms)
	if missing := len(names) - len(alarms); missing > 0 {
		found = append(found, wrong("make them again, as the stack's template says: a deployment does not see that they are gone", "%d of %s were deleted by hand", missing, count(len(names), "alarm")))
	}
	found = append(found, p.silences(alarms)...)
	for _, topic := range topics(alarms) {
		f, err := p.listeners(ctx, topic)
		if err != nil {
			return found, err
		}
		if f.State != "" {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		found = append(found, ok("%s, none in alarm, and somebody is told", count(len(alarms), "alarm")))
	}
	return found, nil
}

// alarmsAtOnce is how many names DescribeAlarms takes, and how many it gives.
const alarmsAtOnce = 100

func (p *patient) alarms(ctx context.Context, names []string) (all []types.MetricAlarm, err error) {
	client := cloudwatch.NewFromConfig(p.Config)
	for some := range slices.Chunk(names, alarmsAtOnce) {
		out, err := client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNames: some, MaxRecords: aws.Int32(alarmsAtOnce)})
		if err != nil {
			return nil, fmt.Errorf("look at the alarms: %w", err)
		}
		all = append(all, out.MetricAlarms...)
	}
	return all, nil
}

// states tells which alarms are on, and which cannot go off.
func (p *patient) states(alarms []types.MetricAlarm) (found []finding) {
	for _, a := range alarms {
		name := p.shortName(aws.ToString(a.AlarmName))
		lacking := p.now.Sub(aws.ToTime(a.StateUpdatedTimestamp))
		switch {
		case a.StateValue == types.StateValueAlarm:
			_, chapter, _ := strings.Cut(aws.ToString(a.AlarmDescription), "Runbook: ")
			found = append(found, wrong(chapter, "%s: %s", name, aws.ToString(a.StateReason)))
		case a.StateValue == types.StateValueInsufficientData && lacking > blind && p.Emulator != "":
			found = append(found, know("", "%s has had no data for %s: the local stage looks at an alarm only when its metric gets some", name, span(lacking)))
		case a.StateValue == types.StateValueInsufficientData && lacking > blind:
			found = append(found, wrong("see its metric in CloudWatch's console: does the function run, and is the metric still called so?", "%s cannot go off: it has had no data for %s", name, span(lacking)))
		}
	}
	return found
}

// silences tells which alarms nobody hears.
func (p *patient) silences(alarms []types.MetricAlarm) (found []finding) {
	var off, alone, halves []string
	for _, a := range alarms {
		switch name := p.shortName(aws.ToString(a.AlarmName)); {
		case len(a.AlarmActions) == 0:
			alone = append(alone, name)
		case !aws.ToBool(a.ActionsEnabled):
			off = append(off, aws.ToString(a.AlarmName))
		case len(a.OKActions) == 0:
			halves = append(halves, name)
		}
	}
	if len(alone) > 0 {
		found = append(found, wrong("set STREAMER_ALARM_TOPIC and deploy, or AlarmProps.Actions: "+operating+"deploying", "%d of %s tell nobody", len(alone), count(len(alarms), "alarm")))
	}
	if len(off) > 0 {
		found = append(found, wrong("when whatever it was is over: aws cloudwatch enable-alarm-actions --alarm-names "+strings.Join(off, " "), "somebody switched off what %d of %s tell", len(off), count(len(alarms), "alarm")))
	}
	if len(halves) > 0 {
		found = append(found, know("AddAlarmAction tells both", "nobody hears when it is over: %s", strings.Join(halves, ", ")))
	}
	return found
}

// topics are those of SNS that alarms tell.
func topics(alarms []types.MetricAlarm) []string {
	all := map[string]bool{}
	for _, a := range alarms {
		for _, action := range a.AlarmActions {
			if strings.Contains(action, ":sns:") {
				all[action] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// listeners asks whether anybody hears what a topic is told; the zero finding says so.
func (p *patient) listeners(ctx context.Context, topic string) (finding, error) {
	out, err := sns.NewFromConfig(p.Config).ListSubscriptionsByTopic(ctx, &sns.ListSubscriptionsByTopicInput{TopicArn: &topic})
	if err != nil {
		return finding{}, fmt.Errorf("look at the topic of alarms %s: %w", topic, err)
	}
	for _, s := range out.Subscriptions {
		if strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") { // else it waits to be confirmed
			return finding{}, nil
		}
	}
	do := "subscribe somebody: aws sns subscribe --protocol email --notification-endpoint you@example.com --topic-arn " + topic
	if len(out.Subscriptions) > 0 {
		return wrong("have them confirm it, by the mail that they got", "nobody who is to hear of alarms has confirmed it"), nil
	}
	return wrong(do, "nobody hears of alarms: their topic has no subscription"), nil
}
