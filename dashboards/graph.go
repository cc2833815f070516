package dashboards

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// A dashboard is 24 units wide ("Dashboard Body Structure and Syntax").
const (
	full, half, third, quarter = 24, 12, 8, 6
	height                     = 5
)

// Colors say the same thing on every graph.
const (
	good    = "#2ca02c"
	bad     = "#d62728"
	neutral = "#7f7f7f"
	blue    = "#1f77b4"
	orange  = "#ff7f0e"
)

var fromZero = axis("")

func axis(label string) *awscloudwatch.YAxisProps {
	y := &awscloudwatch.YAxisProps{Min: jsii.Number(0), ShowUnits: jsii.Bool(false)}
	if label != "" {
		y.Label = jsii.String(label)
	}
	return y
}

// metricOf is a metric of the construct's, whose options say how it looks.
type metricOf = func(*awscloudwatch.MetricOptions) awscloudwatch.Metric

// heading begins a part of a dashboard.
func heading(text string) []awscloudwatch.IWidget {
	return []awscloudwatch.IWidget{awscloudwatch.NewTextWidget(&awscloudwatch.TextWidgetProps{
		Markdown: jsii.String("## " + text), Width: jsii.Number(full), Height: jsii.Number(1),
		Background: awscloudwatch.TextWidgetBackground_TRANSPARENT,
	})}
}

// counts draws numbers of events.
func counts(title string, width float64, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return graph(title, width, "", nil, metrics...)
}

// graph draws metrics of one unit, and the line at which alarm goes off, if there is such
// an alarm.
func graph(title string, width float64, unit string, alarm awscloudwatch.Alarm, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String(title), Width: jsii.Number(width), Height: jsii.Number(height),
		Left:            &metrics,
		LeftAnnotations: threshold(alarm),
		LeftYAxis:       axis(unit),
	})
}

// times draws the middle and the slow end of a metric in milliseconds.
func times(title string, width float64, metric metricOf) awscloudwatch.IWidget {
	percentile := func(p float64, label string, color string) awscloudwatch.Metric {
		with := look(label, color)
		with.Statistic = awscloudwatch.Stats_Percentile(jsii.Number(p))
		return metric(with)
	}
	return graph(title, width, "ms", nil, percentile(50, "p50", good), percentile(95, "p95", orange))
}

// byEach draws one line for each value that a dimension has, whatever they are: which
// actions there are is not known here.
func byEach(title string, width float64, s *streamer.StreamerConstruct, dimension string, metrics ...contract.Metric) awscloudwatch.IWidget {
	var lines []awscloudwatch.IMetric
	stack := awscdk.Stack_Of(s)
	for _, m := range metrics {
		lines = append(lines, awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
			Expression: jsii.String(fmt.Sprintf(`SEARCH('{%s,%s,%s} MetricName="%s" %s="%s"', 'Sum')`,
				contract.MetricNamespace, contract.DimensionService, dimension, m.Name, contract.DimensionService, *s.Requests.TableName())),
			Label:  jsii.String(fmt.Sprintf("${PROP('Dim.%s')}", dimension)),
			Period: awscdk.Duration_Minutes(jsii.Number(1)),

			SearchAccount: ifKnown(stack.Account()), SearchRegion: ifKnown(stack.Region()),
		}))
	}
	return graph(title, width, "", nil, lines...)
}

// ifKnown is nil for what only CloudFormation knows: it is that of the dashboard, too.
func ifKnown(value *string) *string {
	if *awscdk.Token_IsUnresolved(value) {
		return nil
	}
	return value
}

// threshold draws the line at which alarm goes off, if there is such an alarm.
func threshold(alarm awscloudwatch.Alarm) *[]*awscloudwatch.HorizontalAnnotation {
	if alarm == nil {
		return nil
	}
	line := alarm.ToAnnotation()
	line.Label = jsii.String("alarm") // the CDK's repeats the alarm's whole definition, in milliseconds
	return &[]*awscloudwatch.HorizontalAnnotation{line}
}

func look(label string, color string) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Label: jsii.String(label), Color: jsii.String(color)}
}

func fiveMinutes() awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(5)) }
