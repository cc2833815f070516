package stages

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// addListener gives the local stage somebody who hears of its alarms, unless a setting names
// whom to tell: a queue, in which a test finds that a failure was told.
func addListener(stack awscdk.Stack, streamer *constructs.StreamerConstruct) {
	heard := awssqs.NewQueue(stack, jsii.String("Heard"), &awssqs.QueueProps{
		RetentionPeriod: awscdk.Duration_Hours(jsii.Number(1)),
		RemovalPolicy:   awscdk.RemovalPolicy_DESTROY,
	})
	alarms := awssns.NewTopic(stack, jsii.String("AlarmsTopic"), nil)
	alarms.AddSubscription(awssnssubscriptions.NewSqsSubscription(heard, nil))
	streamer.AddAlarmAction(awscloudwatchactions.NewSnsAction(alarms))
}
