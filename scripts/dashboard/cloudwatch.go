package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// value is what a metric came to; not known if nobody measured it.
type value struct {
	known  bool
	number float64
}

// totals asks for one data point of each metric that is of the whole time.
func (c charts) totals(ctx context.Context, metrics []metric, from, to time.Time) ([]value, error) {
	period := int(to.Sub(from).Minutes()+1) * 60
	if c.local {
		// There a period begins at a multiple of itself, so that only one since 1970 has all
		// of the time in it. CloudWatch's begins with the time.
		period = int(to.Unix()/60+1) * 60
	}
	queries := make([]types.MetricDataQuery, len(metrics))
	for i, m := range metrics {
		queries[i] = types.MetricDataQuery{Id: aws.String(fmt.Sprintf("m%d", i)), MetricStat: line{metric: m}.statistic(period)}
	}
	results, err := c.ask(ctx, queries, from, to)
	if err != nil {
		return nil, err
	}
	values := make([]value, len(metrics))
	for i := range metrics {
		for _, r := range results {
			if aws.ToString(r.Id) == fmt.Sprintf("m%d", i) && len(r.Values) > 0 {
				values[i] = value{known: true, number: r.Values[0]}
			}
		}
	}
	return values, nil
}

// alarmStates are the states of all alarms that the widgets list, by ARN.
func alarmStates(ctx context.Context, client *cloudwatch.Client, widgets []widget) (map[string]alarm, error) {
	states := map[string]alarm{}
	wanted := false
	for _, w := range widgets {
		wanted = wanted || len(w.alarms) > 0
	}
	if !wanted {
		return states, nil
	}
	pages := cloudwatch.NewDescribeAlarmsPaginator(client, &cloudwatch.DescribeAlarmsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describe alarms: %w", err)
		}
		for _, a := range page.MetricAlarms {
			states[aws.ToString(a.AlarmArn)] = alarm{aws.ToString(a.AlarmName), string(a.StateValue)}
		}
	}
	return states, nil
}

type alarm struct{ name, state string }
