package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// letLogsUse adds to the key's policy what CloudWatch Logs needs to encrypt log groups of this
// account and region with it ("Encrypt log data in CloudWatch Logs using AWS Key Management
// Service"). Which groups cannot be said: each names the key in turn.
func letLogsUse(scope constructs.Construct, key awskms.IKey) {
	if key == nil {
		return
	}
	stack := awscdk.Stack_Of(scope)
	service := jsii.String("logs." + *stack.Region() + "." + *stack.UrlSuffix())
	added := key.AddToResourcePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Principals: &[]awsiam.IPrincipal{awsiam.NewServicePrincipal(service, nil)},
		Actions:    jsii.Strings("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"),
		Resources:  jsii.Strings("*"), // in a key's policy, the key
		Conditions: &map[string]any{"ArnLike": map[string]*string{
			"kms:EncryptionContext:aws:logs:arn": stack.FormatArn(&awscdk.ArnComponents{
				Service: jsii.String("logs"), Resource: jsii.String("log-group"), ResourceName: jsii.String("*"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
			}),
		}},
	}), jsii.Bool(true))
	if !*added.StatementAdded {
		awscdk.Annotations_Of(scope).AddWarningV2(jsii.String("streamer:keyPolicy"), jsii.String("EncryptionKey is not made in this app, so its policy cannot be changed here: "+
			"it must let CloudWatch Logs encrypt log groups with it, or the deployment fails with AccessDeniedException."))
	}
}
