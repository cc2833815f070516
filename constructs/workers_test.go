package constructs_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"

	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/functions/handlers"
)

// withWorkers has one worker that leaves everything out, and one that has it all.
func withWorkers() *constructs.StreamerProps {
	return &constructs.StreamerProps{
		Auth:           auth(),
		MaxConcurrency: 40,
		Clocks:         &constructs.Clocks{ProgressMS: 500},
		Processor:      constructs.FunctionProps{MemoryMB: 512, TimeoutSeconds: 60, Environment: map[string]string{"MINE": "1", "OURS": "1"}},
		Workers: []constructs.WorkerProps{
			{Name: "images", Actions: []string{"resize", "crop"}},
			{
				Name: "reports-2", Actions: []string{"generate_report"}, MaxConcurrency: 2,
				Processor: constructs.FunctionProps{
					ImportPath: "example.com/app/cmd/reports", MemoryMB: 3008, TimeoutSeconds: 900, Environment: map[string]string{"MINE": "2"},
				},
			},
		},
	}
}

const workersJSON = `{\"images\":{\"actions\":[\"resize\",\"crop\"],\"queue\":\"${WorkersimagesWork}\"},` +
	`\"reports-2\":{\"actions\":[\"generate_report\"],\"queue\":\"${Workersreports2Work}\"}}`

func TestWorkers(t *testing.T) {
	props := withWorkers()
	var streamer *constructs.StreamerConstruct
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		streamer = constructs.NewStreamer(stack, "Streamer", props)
		streamer.Outputs(stack)
	})
	if names := slices.Sorted(maps.Keys(streamer.Workers)); !slices.Equal(names, []string{"images", "reports-2"}) {
		t.Errorf("workers %v", names)
	}
	for _, w := range []struct{ id, name, memory, timeout, visibility, concurrency, mine, ours string }{
		{"Workersimages", `"images"`, `512`, `60`, `120`, `40`, `"1"`, `"1"`},
		{"Workersreports2", `"reports-2"`, `3008`, `900`, `960`, `2`, `"2"`, `"1"`},
	} {
		tpl.check(t, w.id+"Work", map[string]string{
			"VisibilityTimeout":      w.visibility,
			"MessageRetentionPeriod": `604800`,
			"RedrivePolicy":          `{"deadLetterTargetArn":"${DeadLetters.Arn}","maxReceiveCount":50}`,
			"SqsManagedSseEnabled":   `true`,
		})
		tpl.check(t, w.id+"WorkPolicy", map[string]string{"PolicyDocument.Statement.0.Effect": `"Deny"`})
		tpl.check(t, w.id+"ProcessorFunction", map[string]string{
			"MemorySize":                                    w.memory,
			"Timeout":                                       w.timeout,
			"Environment.Variables.STREAMER_WORKER":         w.name,
			"Environment.Variables.STREAMER_WORKERS":        `"` + workersJSON + `"`,
			"Environment.Variables.STREAMER_WORK_QUEUE_URL": `"${` + w.id + `Work}"`,
			"Environment.Variables.STREAMER_CLOCKS":         `"{\"progress\":500}"`,
			"Environment.Variables.MINE":                    w.mine,
			"Environment.Variables.OURS":                    w.ours,
			"LoggingConfig":                                 `{"LogGroup":"${` + w.id + `ProcessorLogs}"}`,
			"VpcConfig":                                     `null`,
		})
		tpl.check(t, w.id+"ProcessorSource", map[string]string{
			"EventSourceArn":        `"${` + w.id + `Work.Arn}"`,
			"FunctionName":          `"${` + w.id + `ProcessorAlias}[6]:live"`,
			"BatchSize":             `1`,
			"FunctionResponseTypes": `["ReportBatchItemFailures"]`,
			"ScalingConfig":         `{"MaximumConcurrency":` + w.concurrency + `}`,
		})
		tpl.check(t, w.id+"ErrorsAlarm", map[string]string{
			"MetricName": `"Errors"`, "Dimensions": `[{"Name":"FunctionName","Value":"${` + w.id + `ProcessorFunction}"}]`,
			"Threshold": `5`, "Period": `300`, "TreatMissingData": `"notBreaching"`,
		})
	}
	for _, function := range []string{"Router", "Dispatcher", "Processor", "Reconciler"} {
		tpl.check(t, function+"Function", map[string]string{
			"Environment.Variables.STREAMER_WORKERS": `"` + workersJSON + `"`,
			"Environment.Variables.STREAMER_WORKER":  `null`,
		})
	}
	if got := tpl.Outputs["Workers"].Value; jsonOf(t, got) != `"`+workersJSON+`"` {
		t.Errorf("output %v", got)
	}
	if len(streamer.Alarms.All()) != 6 {
		t.Errorf("%d alarms are listed", len(streamer.Alarms.All()))
	}
	if w := props.Workers[0]; w.MaxConcurrency != 0 || w.Processor.Environment != nil || len(props.Processor.Environment) != 2 {
		t.Errorf("the caller's props were changed: %+v", w)
	}
}

// TestWorkersRoles: a worker's processor reads its own queue and no other, and whoever
// sends hints may send to all.
func TestWorkersRoles(t *testing.T) {
	tpl := synth(t, nil, withWorkers())
	for _, worker := range []string{"Workersimages", "Workersreports2"} {
		want := everywhere(worker + "Processor")
		for _, permission := range permissions["Processor"] {
			want = append(want, strings.ReplaceAll(permission, "${Work.Arn}", "${"+worker+"Work.Arn}"))
		}
		compare(t, worker, tpl.allowed(t, worker+"Processor"), want)
	}
	for _, function := range []string{"Dispatcher", "Reconciler"} {
		want := append(everywhere(function), permissions[function]...)
		want = append(want, "sqs:SendMessage on ${WorkersimagesWork.Arn}", "sqs:SendMessage on ${Workersreports2Work.Arn}")
		compare(t, function, tpl.allowed(t, function), want)
	}
	compare(t, "Processor", tpl.allowed(t, "Processor"), append(everywhere("Processor"), permissions["Processor"]...))
}

// TestWhoReadsTheHistory: of the sample processors, only the one that makes the report.
func TestWhoReadsTheHistory(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Workers: []constructs.WorkerProps{
		{Name: "reports", Actions: []string{handlers.GenerateReport.Name}},
		{Name: "counts", Actions: []string{handlers.Count.Name}},
	}})
	for processor, reads := range map[string]bool{"Processor": false, "WorkersreportsProcessor": true, "WorkerscountsProcessor": false} {
		if slices.Contains(tpl.allowed(t, processor), sampleReport) != reads {
			t.Errorf("%s may read what requests there are: %v, want %v", processor, !reads, reads)
		}
	}
}

// TestAddingAWorkerLeavesTheRest: nothing is replaced that holds hints or requests.
func TestAddingAWorkerLeavesTheRest(t *testing.T) {
	props := withWorkers()
	ids := func() []string {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
		constructs.NewStreamer(stack, "Streamer", props)
		resources := (*assertions.Template_FromStack(stack, nil).ToJSON())["Resources"].(map[string]any)
		maps.DeleteFunc(resources, func(_ string, r any) bool { return r.(map[string]any)["Type"] == "AWS::Lambda::Version" }) // of functions that know of the worker
		return slices.Sorted(maps.Keys(resources))
	}
	with := ids()
	props.Workers = props.Workers[1:]
	one := ids()
	props.Workers = nil
	for _, fewer := range [][]string{one, ids()} {
		for _, id := range fewer {
			if !slices.Contains(with, id) {
				t.Errorf("%s is not there with one worker more", id)
			}
		}
	}
}

func TestVPCOfAWorker(t *testing.T) {
	var group awsec2.SecurityGroup
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		vpc := awsec2.NewVpc(stack, jsii.String("Vpc"), nil)
		group = awsec2.NewSecurityGroup(stack, jsii.String("Group"), &awsec2.SecurityGroupProps{Vpc: vpc})
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Workers: []constructs.WorkerProps{{
				Name: "ledger", Actions: []string{"post"},
				Processor: constructs.FunctionProps{
					VPC: vpc, Subnets: &awsec2.SubnetSelection{SubnetType: awsec2.SubnetType_PRIVATE_WITH_EGRESS},
					SecurityGroups: []awsec2.ISecurityGroup{group},
				},
			}},
		})
	})
	tpl.check(t, "WorkersledgerProcessorFunction", map[string]string{
		"VpcConfig": `{"SecurityGroupIds":["${Group.GroupId}"],"SubnetIds":["${VpcPrivateSubnet1Subnet}","${VpcPrivateSubnet2Subnet}"]}`,
	})
	tpl.check(t, "ProcessorFunction", map[string]string{"VpcConfig": `null`})
	want := append(everywhere("WorkersledgerProcessor"),
		// No resource narrows these: the interfaces are Lambda's, and made later.
		"ec2:CreateNetworkInterface on *", "ec2:DescribeNetworkInterfaces on *", "ec2:DescribeSubnets on *", "ec2:DeleteNetworkInterface on *",
		"ec2:AssignPrivateIpAddresses on *", "ec2:UnassignPrivateIpAddresses on *")
	for _, permission := range permissions["Processor"] {
		want = append(want, strings.ReplaceAll(permission, "${Work.Arn}", "${WorkersledgerWork.Arn}"))
	}
	compare(t, "ledger", tpl.allowed(t, "WorkersledgerProcessor"), want)
	if managed := at(tpl.Resources["WorkersledgerProcessorRole"].Properties, "ManagedPolicyArns"); managed != nil {
		t.Errorf("managed policies: %v", managed)
	}
}

func TestArchitecture(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Architecture: awslambda.Architecture_X86_64(), Workers: withWorkers().Workers})
	for _, function := range tpl.ofType("AWS::Lambda::Function") {
		tpl.check(t, function, map[string]string{"Architectures": `["x86_64"]`})
	}
}
