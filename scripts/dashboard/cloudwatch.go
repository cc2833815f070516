package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
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

// fromCloudWatch asks for one data point of the whole time.
func fromCloudWatch(client *cloudwatch.Client, from time.Time) func(context.Context, []metric) ([]value, error) {
	to := time.Now()
	period := int32(to.Sub(from).Minutes()+1) * 60
	return func(ctx context.Context, metrics []metric) ([]value, error) {
		var queries []types.MetricDataQuery
		for i, m := range metrics {
			var dimensions []types.Dimension
			for _, name := range slices.Sorted(maps.Keys(m.dimensions)) {
				dimensions = append(dimensions, types.Dimension{Name: aws.String(name), Value: aws.String(m.dimensions[name])})
			}
			queries = append(queries, types.MetricDataQuery{
				Id: aws.String(fmt.Sprintf("m%d", i)),
				MetricStat: &types.MetricStat{
					Metric: &types.Metric{Namespace: &m.namespace, MetricName: &m.name, Dimensions: dimensions},
					Period: &period, Stat: &m.stat,
				},
			})
		}
		out, err := client.GetMetricData(ctx, &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, MetricDataQueries: queries})
		if err != nil {
			return nil, fmt.Errorf("get metric data: %w", err)
		}
		values := make([]value, len(metrics))
		for i := range metrics {
			for _, r := range out.MetricDataResults {
				if aws.ToString(r.Id) == fmt.Sprintf("m%d", i) && len(r.Values) > 0 {
					values[i] = value{known: true, number: r.Values[0]}
				}
			}
		}
		return values, nil
	}
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
