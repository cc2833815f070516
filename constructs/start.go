package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// addStartChecks has CloudFormation ask each function of ours whether it works, whenever it
// has changed. The function is its own provider: one that does not start gives no answer, and
// the deployment is taken back.
func (s *StreamerConstruct) addStartChecks(p *StreamerProps) {
	if p.UncheckedStart {
		return
	}
	for name, function := range s.functions() {
		if own, ours := function.(awslambda.Function); ours && (name != contract.FunctionAuthorizer || p.Auth == nil || p.Auth.Authorizer == nil) {
			s.StartChecks[name] = s.startCheck(p, own)
		}
	}
	for _, worker := range s.Workers {
		worker.StartCheck = s.startCheck(p, worker.Processor)
	}
}

// startCheck is retained when it goes, so that CloudFormation never asks then: a function that
// does not work would give no answer to that either.
func (s *StreamerConstruct) startCheck(p *StreamerProps, function awslambda.Function) awscdk.CustomResource {
	made := function.Node().DefaultChild().(awslambda.CfnFunction)
	properties := map[string]any{ // a change of which is a reason to ask
		"Code": made.Code(), "Environment": made.Environment(), "Layers": made.Layers(), "Network": made.VpcConfig(),
	}
	if p.Storage != nil {
		properties[contract.StartProbes] = "storage"
	}
	return awscdk.NewCustomResource(function.Node().Scope().(constructs.Construct), jsii.String("Start"), &awscdk.CustomResourceProps{
		ServiceToken: function.FunctionArn(), ResourceType: jsii.String(contract.StartCheck),
		Properties:     &properties,
		RemovalPolicy:  awscdk.RemovalPolicy_RETAIN,
		ServiceTimeout: awscdk.Duration_Seconds(jsii.Number(s.local.answerSeconds())),
	})
}
