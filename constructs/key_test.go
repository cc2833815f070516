package constructs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsec2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

// inIreland is a stack that knows its region, as the CDK wants of one that has a table with a
// key.
func inIreland(app awscdk.App) awscdk.Stack {
	return awscdk.NewStack(app, jsii.String("Test"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("eu-west-1")}})
}

func TestEncryptionKey(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil),
		Workers:       []constructs.WorkerProps{{Name: "reports", Actions: []string{"generate_report"}}},
	})
	tpl := templateOf(t, stack)
	for _, table := range []string{"Connections", "Requests"} {
		tpl.check(t, table, map[string]string{
			"SSESpecification":            `{"SSEEnabled":true,"SSEType":"KMS"}`,
			"Replicas.0.SSESpecification": `{"KMSMasterKeyId":"${Key.Arn}"}`,
		})
	}
	for _, queue := range []string{"Work", "DeadLetters", "Undispatched", "WorkersreportsWork"} {
		tpl.check(t, queue, map[string]string{"KmsMasterKeyId": `"${Key.Arn}"`})
	}
	tpl.check(t, "Files", map[string]string{
		"BucketEncryption.ServerSideEncryptionConfiguration.0": `{"BucketKeyEnabled":true,"ServerSideEncryptionByDefault":{"KMSMasterKeyID":"${Key.Arn}","SSEAlgorithm":"aws:kms"}}`,
	})
	const use = "kms:Decrypt kms:Encrypt kms:GenerateDataKey* kms:ReEncrypt*"
	for function, want := range map[string]string{
		"Authorizer": "kms:Decrypt", "Router": use, "Dispatcher": use, "Processor": use, "Reconciler": use, "WorkersreportsProcessor": use,
	} {
		tpl.check(t, function+"Logs", map[string]string{"KmsKeyId": `"${Key.Arn}"`})
		tpl.check(t, function+"Function", map[string]string{"KmsKeyArn": `"${Key.Arn}"`})
		var got []string
		for _, permission := range tpl.allowed(t, function) {
			if action, ofKey := strings.CutSuffix(permission, " on ${Key.Arn}"); ofKey {
				got = append(got, action)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s may %v with the key, want %s", function, got, want)
		}
		needs := contract.KeyUserMay
		if function == "Authorizer" {
			needs = contract.KeyMay
		}
		for _, action := range needs[0].Actions {
			if !slices.ContainsFunc(got, func(g string) bool { return strings.TrimSuffix(g, "*") == action }) {
				t.Errorf("%s may not %s with the key", function, action)
			}
		}
	}
	// What CloudFormation would not deploy without: the groups' service may use the key.
	tpl.check(t, "Key", map[string]string{"KeyPolicy.Statement.1": `{` +
		`"Action":["kms:Decrypt*","kms:Describe*","kms:Encrypt*","kms:GenerateDataKey*","kms:ReEncrypt*"],` +
		`"Condition":{"ArnLike":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:eu-west-1:${AWS::AccountId}:log-group:*"}},` +
		`"Effect":"Allow","Principal":{"Service":"logs.eu-west-1.${AWS::URLSuffix}"},"Resource":"*"}`})
}

// What parameters of the release add to roles is what the constructs grant for the same props.
// The local stage, where other grants are taken away one by one, asks for none of that.
func TestReleaseGrantsKeyAndNetworkAsTheConstructsDo(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth: auth(), EncryptionKey: awskms.NewKey(stack, jsii.String("Key"), nil), VPC: awsec2.NewVpc(stack, jsii.String("Network"), nil),
	})
	props, release := templateOf(t, stack), templateOf(t, deployable(t, "release", true))
	for function := range permissions {
		var got, want []string
		for i, condition := range []string{"HasKey", "InNetwork"} {
			if on := at(release.Resources[function+"Role"].Properties, fmt.Sprintf("Policies.%d.Fn::If.0", i)); on != condition {
				t.Errorf("%s: policy %d is there if %v, want %s", function, i, on, condition)
			}
			statement := at(release.Resources[function+"Role"].Properties, fmt.Sprintf("Policies.%d.Fn::If.1.PolicyDocument.Statement.0", i))
			for _, action := range list(at(statement, "Action")) {
				got = append(got, fmt.Sprintf("%s on %s", action, at(statement, "Resource")))
			}
		}
		for _, permission := range props.allowed(t, function) {
			if strings.HasPrefix(permission, "kms:") || strings.HasPrefix(permission, "ec2:") {
				want = append(want, strings.ReplaceAll(permission, "${Key.Arn}", "${KeyArn}"))
			}
		}
		compare(t, function, got, want)
	}
}

func TestWithoutEncryptionKey(t *testing.T) {
	tpl := synth(t, nil, nil)
	for _, function := range []string{"Authorizer", "Router", "Dispatcher", "Processor", "Reconciler"} {
		tpl.check(t, function+"Logs", map[string]string{"KmsKeyId": `null`})
		tpl.check(t, function+"Function", map[string]string{"KmsKeyArn": `null`})
	}
}

// TestKeyOfAnotherApp: its policy cannot be changed from here, so the synth tells what it needs.
func TestKeyOfAnotherApp(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	key := awskms.Key_FromKeyArn(stack, jsii.String("Key"), jsii.String("arn:aws:kms:eu-west-1:111122223333:key/one"))
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: auth(), EncryptionKey: key})
	warnings := assertions.Annotations_FromStack(stack).FindWarning(jsii.String("/Test/Streamer"),
		assertions.Match_StringLikeRegexp(jsii.String("it must let CloudWatch Logs encrypt log groups")))
	if len(*warnings) != 1 {
		t.Errorf("%d warnings", len(*warnings))
	}
	templateOf(t, stack).check(t, "RouterLogs", map[string]string{"KmsKeyId": `"arn:aws:kms:eu-west-1:111122223333:key/one"`})
}
