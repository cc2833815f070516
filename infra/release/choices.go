package release

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	awsconstructs "github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// either is one value or another, as a condition holds.
func either(condition awscdk.CfnCondition, then, otherwise any) any {
	return awscdk.Fn_ConditionIf(condition.LogicalId(), then, otherwise)
}

// perhaps is a value, or none.
func perhaps(condition awscdk.CfnCondition, value any) any {
	return either(condition, value, awscdk.Aws_NO_VALUE())
}

// choose puts in place what parameters leave away or add: the props of the constructs decide
// that at synth.
func (p *parameters) choose(s *constructs.StreamerConstruct) {
	p.chooseAudit(s)
	p.choosePages(s)
	p.chooseKey(s)
	p.chooseNetwork(s)
	p.chooseRoles(s)
}

func (p *parameters) chooseAudit(s *constructs.StreamerConstruct) {
	metered := perhaps(p.hasMeteredTenants, awscdk.Fn_Join(jsii.String(" "), p.meteredTenants.ValueAsList()))
	for _, f := range []awslambda.Function{s.Router, s.Processor} {
		f.AddEnvironment(jsii.String(contract.EnvAudit), awscdk.Token_AsString(perhaps(p.hasAudit, contract.Audited), nil), nil)
		f.AddEnvironment(jsii.String(contract.EnvMeteredTenants), awscdk.Token_AsString(metered, nil), nil)
		override(f.LogGroup(), "RetentionInDays", either(p.hasAudit, p.auditRetention.ValueAsString(), p.logRetention.ValueAsString()))
	}
}

// choosePages lets pages fetch and send files; that they may connect is in the authorizer's
// variables.
func (p *parameters) choosePages(s *constructs.StreamerConstruct) {
	override(s.Files, "CorsConfiguration", perhaps(p.hasWebOrigins, map[string]any{"CorsRules": []any{map[string]any{
		"AllowedMethods": jsii.Strings("PUT", "GET"), "AllowedOrigins": p.webOrigins.ValueAsList(),
		"AllowedHeaders": jsii.Strings("content-type", "x-amz-checksum-sha256"),
	}}}))
}

func (p *parameters) chooseKey(s *constructs.StreamerConstruct) {
	arn := p.key.ValueAsString()
	key := perhaps(p.hasKey, arn)
	for _, queue := range []awsconstructs.IConstruct{s.WorkQueue, s.DeadLetters, s.Undispatched} {
		override(queue, "KmsMasterKeyId", key)
		override(queue, "SqsManagedSseEnabled", either(p.hasKey, awscdk.Aws_NO_VALUE(), true))
	}
	for _, table := range []awsconstructs.IConstruct{s.Connections, s.Requests} {
		override(table, "SSESpecification", either(p.hasKey, map[string]any{"SSEEnabled": true, "SSEType": "KMS"}, map[string]any{"SSEEnabled": false}))
		override(table, "Replicas.0.SSESpecification", perhaps(p.hasKey, map[string]any{"KMSMasterKeyId": arn}))
	}
	override(s.Files, "BucketEncryption.ServerSideEncryptionConfiguration.0", either(p.hasKey,
		map[string]any{"BucketKeyEnabled": true, "ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}},
		map[string]any{"ServerSideEncryptionByDefault": map[string]any{"SSEAlgorithm": "AES256"}},
	))
	for _, f := range functionsOf(s) {
		setting(s, f, "KmsKeyArn", key)
		override(f.LogGroup(), "KmsKeyId", key)
	}
}

func (p *parameters) chooseNetwork(s *constructs.StreamerConstruct) {
	for _, f := range functionsOf(s) {
		setting(s, f, "VpcConfig", perhaps(p.inNetwork, map[string]any{"SubnetIds": p.subnets.ValueAsList(), "SecurityGroupIds": p.securityGroups.ValueAsList()}))
	}
}

// setting sets a property of a function, and has its check know what that comes to, so that
// another value is another version.
func setting(s *constructs.StreamerConstruct, f awslambda.Function, property string, value any) {
	override(f, property, value)
	for _, check := range s.StartChecks {
		if *check.Node().Scope().Node().Path() == *f.Node().Scope().Node().Path() {
			override(check, contract.StartSettings+"."+property, value)
		}
	}
}

// chooseRoles lets functions use a key and join a network, in the roles themselves, so that
// they may before there is a function.
func (p *parameters) chooseRoles(s *constructs.StreamerConstruct) {
	for _, f := range functionsOf(s) {
		uses := []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*"}
		if f == s.Authorizer {
			uses = []string{"kms:Decrypt"} // its variables
		}
		override(f.Role(), "Policies", []any{
			perhaps(p.hasKey, policy("Key", p.key.ValueAsString(), uses)),
			perhaps(p.inNetwork, policy("Network", jsii.String("*"), constructs.NetworkInterfaceActions)),
		})
		override(f.Role(), "PermissionsBoundary", perhaps(p.hasBoundary, p.boundary.ValueAsString()))
	}
}

func policy(name string, resource *string, actions []string) map[string]any {
	return map[string]any{"PolicyName": name, "PolicyDocument": map[string]any{
		"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": actions, "Resource": resource}},
	}}
}

func functionsOf(s *constructs.StreamerConstruct) []awslambda.Function {
	return []awslambda.Function{s.Authorizer.(awslambda.Function), s.Router, s.Dispatcher, s.Processor, s.Reconciler}
}
