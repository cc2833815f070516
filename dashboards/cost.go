package dashboards

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	streamer "github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/price"
)

// cost draws what use costs an hour, as far as AWS measures it by the hour. What stands
// still has a price too, and so do SQS, S3 and logs; scripts/cost has all of them.
func cost(s *streamer.StreamerConstruct) awscloudwatch.IWidget {
	hour := &awscloudwatch.MetricOptions{Statistic: awscloudwatch.Stats_SUM(), Period: awscdk.Duration_Hours(jsii.Number(1))}
	average := *hour
	average.Statistic = awscloudwatch.Stats_AVERAGE()

	lines := []awscloudwatch.IMetric{
		dollars("messages", term{s.Stage.Metric(jsii.String("MessageCount"), hour), price.APIMessage}),
		dollars("open connections", term{s.MetricLiveConnections(&average), 60 * price.APIMinute}),
		dollars("tables",
			term{s.Requests.MetricConsumedWriteCapacityUnits(hour), price.DynamoWrite},
			term{s.Requests.MetricConsumedReadCapacityUnits(hour), price.DynamoRead},
			term{s.Connections.MetricConsumedWriteCapacityUnits(hour), price.DynamoWrite},
			term{s.Connections.MetricConsumedReadCapacityUnits(hour), price.DynamoRead},
		),
		dollars("router", compute(s.Router, hour)...),
		dollars("processor", compute(s.Processor, hour)...),
	}
	for _, name := range slices.Sorted(maps.Keys(s.Workers)) {
		lines = append(lines, dollars("processor of "+name, compute(s.Workers[name].Processor, hour)...))
	}
	return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{
		Title: jsii.String("What use costs an hour, at list prices of " + price.Region), Width: jsii.Number(full), Height: jsii.Number(height),
		Left:      &lines,
		LeftYAxis: axis("$"),
		Stacked:   jsii.Bool(true),
	})
}

// term is so many dollars for each of a metric.
type term struct {
	metric  awscloudwatch.IMetric
	dollars float64
}

func compute(f awslambda.Function, hour *awscloudwatch.MetricOptions) []term {
	memoryMB := *f.Node().DefaultChild().(awslambda.CfnFunction).MemorySize()
	second := price.LambdaGBSecond
	if *f.Architecture().Name() == *awslambda.Architecture_X86_64().Name() {
		second = price.LambdaGBSecondX86
	}
	return []term{
		{f.MetricInvocations(hour), price.LambdaRequest},
		{f.MetricDuration(hour), memoryMB / 1024 / 1000 * second}, // milliseconds
	}
}

// dollars adds terms up.
func dollars(label string, terms ...term) awscloudwatch.IMetric {
	var sum []string
	metrics := map[string]awscloudwatch.IMetric{}
	for i, t := range terms {
		id := fmt.Sprintf("%s%d", strings.NewReplacer(" ", "", "-", "_").Replace(label), i)
		metrics[id] = t.metric
		sum = append(sum, fmt.Sprintf("FILL(%s, 0) * %.12f", id, t.dollars))
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(strings.Join(sum, " + ")), UsingMetrics: &metrics,
		Label: jsii.String(label), Period: awscdk.Duration_Hours(jsii.Number(1)),
	})
}
