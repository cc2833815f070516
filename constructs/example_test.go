package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsecs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/dashboards"
	"github.com/pay-theory/streamer/functions/handlers"
)

// A stack with handlers of its own: two mains in its module, a table that the work
// needs, people to wake, and a dashboard.
func ExampleNewStreamer() {
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	operators := awssns.NewTopic(stack, jsii.String("Operators"), nil)
	orders := awsdynamodb.NewTableV2(stack, jsii.String("Orders"), &awsdynamodb.TablePropsV2{
		PartitionKey: &awsdynamodb.Attribute{Name: jsii.String("id"), Type: awsdynamodb.AttributeType_STRING},
	})

	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth: &constructs.AuthProps{
			Issuer:    "https://id.example.com/",
			Audiences: []string{"shop"},
		},
		Router: constructs.FunctionProps{ImportPath: "example.com/shop/cmd/router"},
		Processor: constructs.FunctionProps{
			ImportPath:  "example.com/shop/cmd/processor",
			MemoryMB:    2048,
			Environment: map[string]string{"ORDERS_TABLE": *orders.TableName()},
		},
		MaxConcurrency: 50,
		Alarms:         &constructs.AlarmProps{Actions: []awscloudwatch.IAlarmAction{awscloudwatchactions.NewSnsAction(operators)}},
	})
	orders.GrantReadData(streamer.Processor)
	streamer.Outputs(stack)
	dashboards.New(stack, "Dashboard", streamer).Outputs(stack)

	app.Synth(nil)
}

// Reports take memory and time, so they have a processor and a queue of their own; the
// ledger is in a network. All other actions stay with the processor of all.
func ExampleWorkerProps() {
	app := awscdk.NewApp(nil)
	stack := awscdk.NewStack(app, jsii.String("Shop"), nil)
	network := awsec2.NewVpc(stack, jsii.String("Network"), nil)

	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Workers: []constructs.WorkerProps{
			{
				Name:           "reports",
				Actions:        []string{handlers.GenerateReport.Name}, // as it is declared
				Processor:      constructs.FunctionProps{MemoryMB: 3008},
				MaxConcurrency: 20,
			},
			{
				Name:      "ledger",
				Actions:   []string{"post_entry", "close_books"},
				Processor: constructs.FunctionProps{ImportPath: "example.com/shop/cmd/ledger", VPC: network},
			},
		},
	})
	archive := awss3.NewBucket(stack, jsii.String("Archive"), nil)
	archive.GrantWrite(streamer.Workers["reports"].Processor, nil, nil)

	app.Synth(nil)
}

// The first message after a quiet hour waits for no cold start: two processes of the router, and
// of the authorizer, are ready at any time, at the price of provisioned concurrency.
func ExampleStreamerConstruct_provisioned() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth: &constructs.AuthProps{Issuer: "https://id.example.com/", Audiences: []string{"shop"}},
	})
	for _, function := range []string{"router", "authorizer"} {
		alias := streamer.Aliases[function].Node().DefaultChild().(awslambda.CfnAlias)
		alias.SetProvisionedConcurrencyConfig(&awslambda.CfnAlias_ProvisionedConcurrencyConfigurationProperty{
			ProvisionedConcurrentExecutions: jsii.Number(2),
		})
	}
}

// Other services of the same accounts as clients: they sign with their roles, which are
// granted it, and each is a user of the account it runs in.
func ExampleStreamerConstruct_GrantConnect() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Reports"), nil)
	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth: &constructs.AuthProps{IAM: true},
	})
	batch := awsiam.NewRole(stack, jsii.String("Batch"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil)})
	streamer.GrantConnect(batch)
}

// A handler starts a container for each request and hands the request over to it: the
// function may start the task, and the task may report. The task gets its ticket in its
// environment, see streamer.HandOver.
func ExampleStreamerConstruct_GrantReport() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	transcode := awsecs.NewFargateTaskDefinition(stack, jsii.String("Transcode"), nil)
	transcode.AddContainer(jsii.String("Main"), &awsecs.ContainerDefinitionOptions{
		Image: awsecs.ContainerImage_FromRegistry(jsii.String("example.com/transcode"), nil),
	})

	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Router: constructs.FunctionProps{ImportPath: "example.com/shop/cmd/router"},
		Processor: constructs.FunctionProps{
			ImportPath:  "example.com/shop/cmd/processor",
			Environment: map[string]string{"TASK": *transcode.TaskDefinitionArn()},
		},
	})
	transcode.GrantRun(streamer.Processor)
	streamer.GrantReport(transcode.TaskRole()).AssertSuccess()
}

// A service of another app, which knows the outputs of Streamer's stack, here as exports: it
// submits requests, and is told when too many fail.
func ExampleStreamerFromAttributes() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Orders"), nil)
	output := func(name string) string { return *awscdk.Fn_ImportValue(jsii.String("shop-" + name)) }
	streamer := constructs.StreamerFromAttributes(stack, "Streamer", &constructs.StreamerAttributes{
		WebSocketURL:         output("WebSocketUrl"),
		CallbackURL:          output("CallbackUrl"),
		ConnectionsTableName: output("ConnectionsTableName"),
		RequestsTableName:    output("RequestsTableName"),
		FilesBucketName:      output("FilesBucketName"),
		WorkQueueURL:         output("WorkQueueUrl"),
		DeadLetterQueueURL:   output("DeadLetterQueueUrl"),
	})
	service := awsiam.NewRole(stack, jsii.String("Service"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil)})
	streamer.GrantSubmit(service).AssertSuccess()
	streamer.GrantRead(service).AssertSuccess()
	streamer.GrantCancel(service).AssertSuccess()
	streamer.MetricRequestsFailed(nil).CreateAlarm(stack, jsii.String("Failing"), &awscloudwatch.CreateAlarmOptions{
		Threshold: jsii.Number(10), EvaluationPeriods: jsii.Number(1),
	})
}
