package stages

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// addCallers gives the local stage the roles of two programs outside: a service that
// submits, and compute that requests are handed over to. They have what Streamer grants and
// nothing else, and the integration tests take them on to show that it is enough.
func addCallers(stack awscdk.Stack, streamer *constructs.StreamerConstruct) {
	caller := func(id string) awsiam.Role {
		return awsiam.NewRole(stack, jsii.String(id), &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()})
	}
	service := caller("Service")
	streamer.GrantSubmit(service).AssertSuccess()
	streamer.GrantRead(service).AssertSuccess()
	streamer.GrantCancel(service).AssertSuccess()
	streamer.GrantReport(caller("Remote")).AssertSuccess()
}
