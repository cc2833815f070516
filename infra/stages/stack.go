package stages

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
)

// Add adds to app the stack of the stage that the context names. getenv looks up
// environment variables: account and region as the CDK CLI sets them, and the stage's
// settings. A setting is a context key, or else a variable:
//
//	stage       STREAMER_STAGE        its name
//	issuer      STREAMER_ISSUER       whose tokens open a connection; see auth
//	audience    STREAMER_AUDIENCE     and for whom they are
//	jwksFile    STREAMER_JWKS_FILE    a file with the issuer's keys, if it cannot be asked
//	webOrigins  STREAMER_WEB_ORIGINS  the origins of the pages that may connect, and fetch
//	                                  and send files, with commas between them; without it any
//	                                  page may connect, and none fetch a file
//	alarmTopic  STREAMER_ALARM_TOPIC  the ARN of an SNS topic that is told about alarms
//	traces      STREAMER_TRACES       the percentage of messages that are traced besides those
//	                                  that Lambda chooses, or "off": nothing is
func Add(app awscdk.App, getenv func(string) string) (awscdk.Stack, error) {
	var wrong error
	setting := func(key, variable string) string {
		switch value := app.Node().TryGetContext(jsii.String(key)).(type) {
		case nil:
			return getenv(variable)
		case string:
			return value
		default:
			wrong = errors.Join(wrong, fmt.Errorf("context %s is %v: give text, as -c does", key, value))
			return ""
		}
	}
	local := app.Node().TryGetContext(jsii.String(contract.ContextLocal)) != nil
	name := setting("stage", "STREAMER_STAGE")
	if name == "" {
		name = defaultStage(local)
	}
	stage, err := find(name)
	if err != nil {
		return nil, err
	}
	if local != (name == localStage) {
		return nil, fmt.Errorf("stage %s: the stage %s goes with the context %s, which make stage gives, and no other stage does", name, localStage, contract.ContextLocal)
	}
	auth, err := auth(setting)
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", name, err)
	}
	if origins := setting("webOrigins", "STREAMER_WEB_ORIGINS"); origins != "" {
		stage.WebOrigins = strings.Split(origins, ",")
		if auth != nil {
			auth.Origins = stage.WebOrigins
		}
	}
	traced, err := tracing(setting("traces", "STREAMER_TRACES"))
	if err != nil {
		return nil, fmt.Errorf("stage %s: %w", name, err)
	}
	topic := setting("alarmTopic", "STREAMER_ALARM_TOPIC")
	if wrong != nil {
		return nil, fmt.Errorf("stage %s: %w", name, wrong)
	}
	stack := awscdk.NewStack(app, jsii.String("Streamer-"+name), &awscdk.StackProps{
		Description:           jsii.String("Streamer, stage " + name + ": long requests over WebSockets, with progress"),
		Env:                   environment(getenv),
		TerminationProtection: jsii.Bool(stage.TerminationProtection),
		Tags:                  stage.tags(name),
	})
	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth:           auth,
		MaxConcurrency: stage.MaxConcurrency,
		Workers: []constructs.WorkerProps{{
			Name:           "reports", // they hold up nothing else, and have the memory for a year of requests
			Actions:        []string{handlers.GenerateReport.Name},
			Processor:      constructs.FunctionProps{MemoryMB: reportMemoryMB},
			MaxConcurrency: stage.ReportConcurrency,
		}},
		Clocks:        stage.Clocks,
		Limits:        stage.Limits,
		Tracing:       traced,
		RemovalPolicy: stage.RemovalPolicy,
		LogRetention:  stage.LogRetention,
		Audit:         stage.Audit,
		WebOrigins:    stage.WebOrigins,
		Alarms:        &constructs.AlarmProps{Actions: alarmActions(stack, topic)},
	})
	if local {
		addCallers(stack, streamer)
		if topic == "" {
			addListener(stack, streamer)
		}
	}
	streamer.Outputs(stack)
	dashboards.New(stack, "Dashboard", streamer).Outputs(stack)
	return stack, nil
}

const reportMemoryMB = 2048

// tracing reads the setting traces; what its numbers may be is checked with the props.
func tracing(text string) (*constructs.TracingProps, error) {
	switch text {
	case "":
		return nil, nil
	case "off":
		return &constructs.TracingProps{Off: true}, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil {
		return nil, fmt.Errorf("traces is %q: give a percentage, or off", text)
	}
	return &constructs.TracingProps{Percent: percent}, nil
}

func alarmActions(stack awscdk.Stack, topicARN string) []awscloudwatch.IAlarmAction {
	if topicARN == "" {
		return nil
	}
	topic := awssns.Topic_FromTopicArn(stack, jsii.String("AlarmTopic"), jsii.String(topicARN))
	return []awscloudwatch.IAlarmAction{awscloudwatchactions.NewSnsAction(topic)}
}

// environment is the account and region that the CDK CLI found, nil if none.
func environment(getenv func(string) string) *awscdk.Environment {
	account, region := getenv("CDK_DEFAULT_ACCOUNT"), getenv("CDK_DEFAULT_REGION")
	if account == "" || region == "" {
		return nil
	}
	return &awscdk.Environment{Account: jsii.String(account), Region: jsii.String(region)}
}
