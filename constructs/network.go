package constructs

import (
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// VPCEndpoints are the ways out of a VPC's private subnets to what the functions use, besides
// the WebSocket API, to which no VPC endpoint leads: traffic to them then costs no NAT
// gateway, and does not leave AWS.
type VPCEndpoints struct {
	// DynamoDB and S3 are entries in the route tables of the subnets, and cost nothing.
	DynamoDB, S3 awsec2.GatewayVpcEndpoint
	// SQS has a network interface in each subnet, which has a price an hour ("AWS PrivateLink
	// pricing"). It answers for the public name of SQS in the whole VPC.
	SQS awsec2.InterfaceVpcEndpoint
}

// VPCEndpointsProps says where the endpoints are.
type VPCEndpointsProps struct {
	// VPC is the network. Required.
	VPC awsec2.IVpc
	// Subnets are those whose functions use them. Default the private ones of the VPC.
	Subnets *awsec2.SubnetSelection
}

// NewVPCEndpoints makes the endpoints, once for a VPC that has none of them: AWS refuses a
// second one in the same route table, or of the same name. StreamerProps.VPCEndpoints does it
// for a Streamer; this is for several of them in one VPC.
func NewVPCEndpoints(scope constructs.Construct, id string, props *VPCEndpointsProps) *VPCEndpoints {
	at := constructs.NewConstruct(scope, jsii.String(id))
	if props == nil || props.VPC == nil {
		check(at, errors.New("VPC is nil: give the network that gets the endpoints"))
	}
	var routed *[]*awsec2.SubnetSelection
	if props.Subnets != nil {
		routed = &[]*awsec2.SubnetSelection{props.Subnets}
	}
	gateway := func(id string, service awsec2.GatewayVpcEndpointAwsService) awsec2.GatewayVpcEndpoint {
		return awsec2.NewGatewayVpcEndpoint(at, jsii.String(id), &awsec2.GatewayVpcEndpointProps{Vpc: props.VPC, Service: service, Subnets: routed})
	}
	e := &VPCEndpoints{
		DynamoDB: gateway("DynamoDB", awsec2.GatewayVpcEndpointAwsService_DYNAMODB()),
		S3:       gateway("S3", awsec2.GatewayVpcEndpointAwsService_S3()),
		SQS: awsec2.NewInterfaceVpcEndpoint(at, jsii.String("SQS"), &awsec2.InterfaceVpcEndpointProps{
			Vpc: props.VPC, Service: awsec2.InterfaceVpcEndpointAwsService_SQS(), Subnets: props.Subnets,
			PrivateDnsEnabled: jsii.Bool(true),
		}),
	}
	for _, group := range *e.SQS.Connections().SecurityGroups() {
		suppress(group, "CdkNagValidationFailure", "What comes in is HTTPS from the VPC's own addresses, which CloudFormation alone may know.", "AwsSolutions-EC23")
	}
	return e
}

// addNetwork makes the endpoints if they are asked for, and tells of functions that cannot
// work where they are.
func (s *StreamerConstruct) addNetwork(p *StreamerProps) {
	if p.VPCEndpoints {
		s.VPCEndpoints = NewVPCEndpoints(s, "VPCEndpoints", &VPCEndpointsProps{VPC: p.VPC, Subnets: p.Subnets})
	}
	s.warnOfDeadEnd("Router", p.Router, "post frames to the WebSocket API")
	s.warnOfDeadEnd("Processor", p.Processor, "post frames to the WebSocket API")
	for _, w := range p.Workers {
		s.warnOfDeadEnd("Workers ("+w.Name+").Processor", w.Processor, "post frames to the WebSocket API")
	}
	s.warnOfDeadEnd("Reconciler", p.Reconciler, "close connections whose token has run out")
	if p.Auth.fetchesKeys() {
		s.warnOfDeadEnd("Authorizer", p.Authorizer, "fetch the issuer's keys, unless the issuer is in the network or Auth.JWKS has them")
	}
}

// warnOfDeadEnd tells of a function in subnets that have no way to the internet. It is no
// error: what the CDK takes for isolated may have a way that it does not see, such as a
// transit gateway.
func (s *StreamerConstruct) warnOfDeadEnd(field string, function FunctionProps, purpose string) {
	if function.VPC == nil {
		return
	}
	isolated := map[string]bool{}
	for _, subnet := range *function.VPC.IsolatedSubnets() {
		isolated[*subnet.SubnetId()] = true
	}
	for _, id := range *function.VPC.SelectSubnets(function.Subnets).SubnetIds {
		if isolated[*id] {
			awscdk.Annotations_Of(s).AddWarningV2(jsii.String("streamer:isolated:"+field), jsii.String(fmt.Sprintf(
				"%s is in isolated subnets and cannot %s: give Subnets with a way to the internet, such as a NAT gateway.", field, purpose)))
			return
		}
	}
}
