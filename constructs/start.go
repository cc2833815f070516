package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// addAliases has each function of ours invoked by an alias alone, which moves to what a
// deployment has changed when that has told CloudFormation that it works.
func (s *StreamerConstruct) addAliases(p *StreamerProps) {
	for name, function := range s.functions() {
		if own, ours := function.(awslambda.Function); ours && (name != contract.FunctionAuthorizer || p.Auth == nil || p.Auth.Authorizer == nil) {
			alias, check := s.live(p, own)
			s.Aliases[name] = alias
			if check != nil {
				s.StartChecks[name] = check
			}
		}
	}
	for _, worker := range s.Workers {
		worker.Alias, worker.StartCheck = s.live(p, worker.Processor)
	}
}

// live is the alias of a function: of the version that is published when its check has
// answered, or of the function as it is if nobody asks it: then there is no check.
func (s *StreamerConstruct) live(p *StreamerProps, function awslambda.Function) (alias awslambda.Alias, check awscdk.CustomResource) {
	version := function.LatestVersion()
	if !p.UncheckedStart {
		published := function.CurrentVersion()
		check = s.startCheck(p, function, published)
		// A version that is described otherwise is another one, published after the answer.
		published.Node().DefaultChild().(awslambda.CfnVersion).SetDescription(check.GetAttString(jsii.String(contract.StartDigest)))
		version = published
	}
	return awslambda.NewAlias(scopeOf(function), jsii.String("Alias"), &awslambda.AliasProps{
		AliasName: jsii.String(contract.Alias), Version: version,
	}), check
}

// startCheck has CloudFormation ask a function whether it works, whenever it has changed. The
// function is its own provider: one that does not start gives no answer, no version of it is
// published, and the deployment is taken back.
//
// The check is retained when it goes, so that CloudFormation never asks then: a function that
// does not work would give no answer to that either.
func (s *StreamerConstruct) startCheck(p *StreamerProps, function awslambda.Function, version awslambda.Version) awscdk.CustomResource {
	made := function.Node().DefaultChild().(awslambda.CfnFunction)
	properties := map[string]any{ // a change of which is a reason to ask
		"Version": version.Node().DefaultChild().(awslambda.CfnVersion).LogicalId(), // in which is a hash of all that the template says of the function
		"Code":    made.Code(),
		contract.StartSettings: map[string]any{ // what the template may leave to the deployment
			"Environment": made.Environment(), "Layers": made.Layers(), "VpcConfig": made.VpcConfig(), "KmsKeyArn": made.KmsKeyArn(), "Role": made.Role(),
		},
	}
	if p.Storage != nil {
		properties[contract.StartProbes] = "storage"
	}
	return awscdk.NewCustomResource(scopeOf(function), jsii.String("Start"), &awscdk.CustomResourceProps{
		ServiceToken: function.FunctionArn(), ResourceType: jsii.String(contract.StartCheck),
		Properties:     &properties,
		RemovalPolicy:  awscdk.RemovalPolicy_RETAIN,
		ServiceTimeout: awscdk.Duration_Seconds(jsii.Number(s.local.answerSeconds())),
	})
}

// scopeOf is that of newFunction, in which all of a function is.
func scopeOf(function awslambda.Function) constructs.Construct {
	return function.Node().Scope().(constructs.Construct)
}
