package constructs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

var everyFunction = []string{"Authorizer", "Router", "Dispatcher", "Processor", "WorkersreportsProcessor", "Reconciler"}

func reports() []constructs.WorkerProps {
	return []constructs.WorkerProps{{Name: "reports", Actions: []string{"generate_report"}}}
}

// isolatedVPC has no way to the internet.
func isolatedVPC(stack awscdk.Stack) awsec2.Vpc {
	return awsec2.NewVpc(stack, jsii.String("Network"), &awsec2.VpcProps{
		NatGateways:         jsii.Number(0),
		SubnetConfiguration: &[]*awsec2.SubnetConfiguration{{Name: jsii.String("Inside"), SubnetType: awsec2.SubnetType_PRIVATE_ISOLATED}},
	})
}

func TestVPC(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Auth: auth(), Workers: reports(), VPC: awsec2.NewVpc(stack, jsii.String("Network"), nil),
		})
	})
	const subnets = `["${NetworkPrivateSubnet1Subnet}","${NetworkPrivateSubnet2Subnet}"]`
	for _, function := range everyFunction {
		tpl.check(t, function+"Function", map[string]string{
			"VpcConfig": `{"SecurityGroupIds":["${` + function + `FunctionSecurityGroup.GroupId}"],"SubnetIds":` + subnets + `}`,
		})
		if !slices.Contains(tpl.allowed(t, function), "ec2:CreateNetworkInterface on *") {
			t.Errorf("%s may not be in a network", function)
		}
		if managed := at(tpl.Resources[function+"Role"].Properties, "ManagedPolicyArns"); managed != nil {
			t.Errorf("%s has managed policies: %v", function, managed)
		}
	}
	if endpoints := tpl.ofType("AWS::EC2::VPCEndpoint"); len(endpoints) != 0 {
		t.Errorf("endpoints that nobody asked for, at a price: %v", endpoints)
	}
}

func TestWithoutVPC(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Auth: auth(), Workers: reports()})
	for _, function := range everyFunction {
		tpl.check(t, function+"Function", map[string]string{"VpcConfig": `null`})
		if slices.Contains(tpl.allowed(t, function), "ec2:CreateNetworkInterface on *") {
			t.Errorf("%s may make network interfaces", function)
		}
	}
}

// TestVPCOfOneFunction: its own network, subnets and groups stand before those of all.
func TestVPCOfOneFunction(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		all := awsec2.NewVpc(stack, jsii.String("Network"), nil)
		own := awsec2.NewVpc(stack, jsii.String("Own"), nil)
		group := awsec2.NewSecurityGroup(stack, jsii.String("Group"), &awsec2.SecurityGroupProps{Vpc: own})
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			VPC: all, Subnets: &awsec2.SubnetSelection{AvailabilityZones: &[]*string{(*all.AvailabilityZones())[0]}},
			Processor: constructs.FunctionProps{VPC: own, SecurityGroups: []awsec2.ISecurityGroup{group}},
		})
	})
	tpl.check(t, "ProcessorFunction", map[string]string{
		"VpcConfig": `{"SecurityGroupIds":["${Group.GroupId}"],"SubnetIds":["${OwnPrivateSubnet1Subnet}","${OwnPrivateSubnet2Subnet}"]}`,
	})
	tpl.check(t, "RouterFunction", map[string]string{"VpcConfig.SubnetIds": `["${NetworkPrivateSubnet1Subnet}"]`})
}

func TestVPCEndpoints(t *testing.T) {
	var streamer *constructs.StreamerConstruct
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		streamer = constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			VPC: awsec2.NewVpc(stack, jsii.String("Network"), nil), VPCEndpoints: true,
		})
	})
	for endpoint, service := range map[string]string{"DynamoDB": "dynamodb", "S3": "s3"} {
		tpl.check(t, "VPCEndpoints"+endpoint, map[string]string{
			"ServiceName": `"com.amazonaws.${AWS::Region}.` + service + `"`, "VpcEndpointType": `"Gateway"`, "VpcId": `"${Network}"`,
		})
		routes := jsonOf(t, at(tpl.Resources["VPCEndpoints"+endpoint].Properties, "RouteTableIds"))
		for _, table := range []string{"${NetworkPrivateSubnet1RouteTable}", "${NetworkPrivateSubnet2RouteTable}"} {
			if !strings.Contains(routes, table) {
				t.Errorf("%s is not in %s: %s", endpoint, table, routes)
			}
		}
	}
	tpl.check(t, "VPCEndpointsSQS", map[string]string{
		"ServiceName": `"com.amazonaws.${AWS::Region}.sqs"`, "VpcEndpointType": `"Interface"`, "PrivateDnsEnabled": `true`,
		"SubnetIds": `["${NetworkPrivateSubnet1Subnet}","${NetworkPrivateSubnet2Subnet}"]`,
	})
	// One for execute-api would lead posts to where no WebSocket API is.
	if endpoints := tpl.ofType("AWS::EC2::VPCEndpoint"); len(endpoints) != 3 {
		t.Errorf("endpoints %v", endpoints)
	}
	if e := streamer.VPCEndpoints; e == nil || e.DynamoDB == nil || e.S3 == nil || e.SQS == nil {
		t.Error("the endpoints are not exposed")
	}
}

// TestVPCEndpointsOfSeveral: they are made once for a VPC, here in some of its subnets.
func TestVPCEndpointsOfSeveral(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		vpc := awsec2.NewVpc(stack, jsii.String("Network"), nil)
		constructs.NewVPCEndpoints(stack, "Endpoints", &constructs.VPCEndpointsProps{
			VPC: vpc, Subnets: &awsec2.SubnetSelection{AvailabilityZones: &[]*string{(*vpc.AvailabilityZones())[0]}},
		})
		constructs.NewStreamer(stack, "One", &constructs.StreamerProps{VPC: vpc})
		constructs.NewStreamer(stack, "Two", &constructs.StreamerProps{VPC: vpc})
	})
	tpl.check(t, "EndpointsDynamoDB", map[string]string{"RouteTableIds": `["${NetworkPrivateSubnet1RouteTable}"]`})
	tpl.check(t, "EndpointsSQS", map[string]string{"SubnetIds": `["${NetworkPrivateSubnet1Subnet}"]`})

	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	if got := panicOf(func() { constructs.NewVPCEndpoints(stack, "Endpoints", nil) }); got != "streamer Dev/Endpoints: VPC is nil: give the network that gets the endpoints" {
		t.Errorf("got %q", got)
	}
}

// TestDeadEndsWarn: from isolated subnets nothing is posted or closed, and no issuer is asked.
func TestDeadEndsWarn(t *testing.T) {
	for _, c := range []struct {
		name  string
		props func(awscdk.Stack) *constructs.StreamerProps
		want  []string
	}{
		{"all inside", func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{
				Auth: &constructs.AuthProps{Issuer: "https://id.example.com", Audiences: []string{"streamer"}},
				VPC:  isolatedVPC(stack), Workers: reports(),
			}
		}, []string{"Authorizer", "Processor", "Reconciler", "Router", "Workers (reports).Processor"}},
		{"keys at hand", func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Auth: auth(), VPC: isolatedVPC(stack)}
		}, []string{"Processor", "Reconciler", "Router"}},
		{"dispatcher alone", func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{Dispatcher: constructs.FunctionProps{VPC: isolatedVPC(stack)}}
		}, nil},
		{"a NAT gateway", func(stack awscdk.Stack) *constructs.StreamerProps {
			return &constructs.StreamerProps{VPC: awsec2.NewVpc(stack, jsii.String("Network"), nil)}
		}, nil},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
		constructs.NewStreamer(stack, "Streamer", c.props(stack))
		warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("/Test/Streamer"), assertions.Match_StringLikeRegexp(jsii.String("is in isolated subnets")))
		var got []string
		for _, warning := range *warnings {
			field, _, _ := strings.Cut(warning.Entry.Data.(string), " is in isolated subnets")
			got = append(got, field)
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: warned of %v, want %v", c.name, got, c.want)
		}
	}
}

// TestPublicSubnets: the CDK refuses them too, and tells to set what no prop here is.
func TestPublicSubnets(t *testing.T) {
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
	public := awsec2.NewVpc(stack, jsii.String("Network"), &awsec2.VpcProps{
		NatGateways: jsii.Number(0), SubnetConfiguration: &[]*awsec2.SubnetConfiguration{{Name: jsii.String("public"), SubnetType: awsec2.SubnetType_PUBLIC}},
	})
	for want, props := range map[string]constructs.StreamerProps{
		"Authorizer is in public subnets": {VPC: public},
		"Processor is in public subnets":  {Processor: constructs.FunctionProps{VPC: public}},
	} {
		got := panicOf(func() { constructs.NewStreamer(stack, want, &props) })
		if !strings.Contains(got, ": "+want+", from which a function has no way to the internet: give private ones in Subnets") {
			t.Errorf("got  %q\nwant %s…", got, want)
		}
	}
}
