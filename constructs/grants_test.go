package constructs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

const anyOfStage = "execute-api:ManageConnections on arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/"

// grants are what each grant allows on a Streamer of this stack.
var grants = map[string]struct {
	grant func(constructs.IStreamer, awsiam.IGrantable) awsiam.Grant
	want  []string
}{
	"Submit": {constructs.IStreamer.GrantSubmit, []string{
		"dynamodb:PutItem on ${Requests.Arn}",
		"s3:PutObject on " + files,
	}},
	"Read": {constructs.IStreamer.GrantRead, []string{
		"dynamodb:BatchGetItem on ${Requests.Arn}",
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:Query on ${Requests.Arn}/index/by_tenant",
		"dynamodb:Query on ${Requests.Arn}/index/by_user",
		"s3:GetObject on " + files,
	}},
	"Cancel": {constructs.IStreamer.GrantCancel, []string{
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:UpdateItem on ${Requests.Arn}",
	}},
	"Report": {constructs.IStreamer.GrantReport, []string{
		"dynamodb:PutItem on ${Requests.Arn}",
		"dynamodb:GetItem on ${Requests.Arn}",
		"dynamodb:UpdateItem on ${Requests.Arn}",
		"dynamodb:DeleteItem on ${Connections.Arn}",
		"s3:GetObject on " + files,
		"s3:PutObject on " + files,
		"execute-api:ManageConnections on " + posts,
	}},
	"ManageConnections": {constructs.IStreamer.GrantManageConnections, []string{
		anyOfStage + "POST/@connections/*", anyOfStage + "GET/@connections/*", anyOfStage + "DELETE/@connections/*",
	}},
	"Connect": {constructs.IStreamer.GrantConnect, []string{
		"execute-api:Invoke on arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/$connect",
	}},
	"ReadRequests": {constructs.IStreamer.GrantReadRequests, []string{"dynamodb:Query on ${Requests.Arn}/index/by_tenant"}},
}

func newCaller(stack awscdk.Stack, id string) awsiam.Role {
	return awsiam.NewRole(stack, jsii.String(id), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil),
	})
}

func TestGrants(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", nil)
		for name, g := range grants {
			if made := g.grant(s, newCaller(stack, name)); !*made.Success() {
				t.Errorf("%s: not granted", name)
			}
		}
	})
	for name, g := range grants {
		compare(t, name, tpl.allowedBy(t, name+"DefaultPolicy"), g.want)
	}
}

// TestGrantsTellIfTheyFail: a role of another account cannot be changed from here.
func TestGrantsTellIfTheyFail(t *testing.T) {
	synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", nil)
		service := awsiam.NewServicePrincipal(jsii.String("ecs-tasks.amazonaws.com"), nil)
		if made := s.GrantSubmit(service); *made.Success() {
			t.Error("a service was granted")
		}
	})
}

// TestGrantsUseTheKey: whoever writes uses the key both ways, whoever reads decrypts.
func TestGrantsUseTheKey(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil)})
	for name, g := range grants {
		g.grant(s, newCaller(stack, name))
	}
	tpl := templateOf(t, stack)
	for name, want := range map[string]string{
		"Submit": "kms:Decrypt kms:Encrypt kms:GenerateDataKey* kms:ReEncrypt*", "Read": "kms:Decrypt",
		"Report": "kms:Decrypt kms:Encrypt kms:GenerateDataKey* kms:ReEncrypt*", "ManageConnections": "", "Connect": "", "ReadRequests": "kms:Decrypt",
	} {
		var got []string
		for _, permission := range tpl.allowedBy(t, name+"DefaultPolicy") {
			if action, ofKey := strings.CutSuffix(permission, " on ${Key.Arn}"); ofKey {
				got = append(got, action)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s may %v with the key, want %s", name, got, want)
		}
	}
}
