package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// All functions in a network: what they keep is reached through endpoints of its own, and the
// frames that they post through a NAT gateway, as no endpoint leads to a WebSocket API.
func ExampleStreamerProps_vpc() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	network := awsec2.NewVpc(stack, jsii.String("Network"), &awsec2.VpcProps{NatGateways: jsii.Number(1)})
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{VPC: network, VPCEndpoints: true})
}

// Two Streamers in one network share its endpoints.
func ExampleNewVPCEndpoints() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	network := awsec2.NewVpc(stack, jsii.String("Network"), nil)
	constructs.NewVPCEndpoints(stack, "Endpoints", &constructs.VPCEndpointsProps{VPC: network})
	constructs.NewStreamer(stack, "Orders", &constructs.StreamerProps{VPC: network})
	constructs.NewStreamer(stack, "Stock", &constructs.StreamerProps{VPC: network})
}
