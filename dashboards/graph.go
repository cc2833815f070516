package dashboards

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
)

var fromZero = &awscloudwatch.YAxisProps{Min: jsii.Number(0), ShowUnits: jsii.Bool(false)}

// counts draws numbers of events.
func counts(title string, width float64, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String(title), Width: jsii.Number(width), Height: jsii.Number(height),
		Left:      &metrics,
		LeftYAxis: fromZero,
	})
}

// times draws the middle and the slow end of a metric in milliseconds.
func times(title string, width float64, metric func(*awscloudwatch.MetricOptions) awscloudwatch.Metric) awscloudwatch.IWidget {
	percentile := func(p float64, label string, color string) awscloudwatch.Metric {
		with := look(label, color)
		with.Statistic = awscloudwatch.Stats_Percentile(jsii.Number(p))
		return metric(with)
	}
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String(title), Width: jsii.Number(width), Height: jsii.Number(height),
		Left:      &[]awscloudwatch.IMetric{percentile(50, "p50", good), percentile(95, "p95", orange)},
		LeftYAxis: &awscloudwatch.YAxisProps{Min: jsii.Number(0), Label: jsii.String("ms"), ShowUnits: jsii.Bool(false)},
	})
}

// threshold draws the line at which alarm goes off, if there is such an alarm.
func threshold(alarm awscloudwatch.Alarm) *[]*awscloudwatch.HorizontalAnnotation {
	if alarm == nil {
		return nil
	}
	return &[]*awscloudwatch.HorizontalAnnotation{alarm.ToAnnotation()}
}

func look(label string, color string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Label: jsii.String(label), Color: jsii.String(color)}
}

func fiveMinutes() awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(5)) }
