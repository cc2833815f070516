package constructs

import (
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// suppress tells cdk-nag that a finding on a construct's resource stands, and why, so that an
// app that runs it hears of its own alone. Findings narrows it to these, as regular
// expressions; none means all of the rule's. It is metadata of the template: cdk-nag itself
// stays out of this package, and so out of everybody's module.
func suppress(construct constructs.IConstruct, rule, reason string, findings ...string) {
	resource, is := construct.(awscdk.CfnResource)
	if !is {
		resource = construct.Node().DefaultChild().(awscdk.CfnResource)
	}
	suppression := map[string]any{"id": rule, "reason": reason}
	if len(findings) > 0 {
		var patterns []any
		for _, finding := range findings {
			patterns = append(patterns, map[string]any{"regex": "/^" + finding + "$/"})
		}
		suppression["applies_to"] = patterns
	}
	resource.AddMetadata(jsii.String("cdk_nag"), map[string]any{"rules_to_suppress": []any{suppression}})
}

// suppressWildcards accepts what the permissions of a function leave open, and nothing that
// others add to its role, unless it is on all resources, which cdk-nag does not tell apart.
func suppressWildcards(policy constructs.IConstruct, permissions []permission, usesKeys bool) {
	findings := []string{`Resource::\*`} // X-Ray takes no resource, and what else may stand on all
	for _, p := range permissions {
		if resource := *p.resource; resource != "*" && strings.HasSuffix(resource, "*") {
			// Before it are names that only CloudFormation knows.
			findings = append(findings, "Resource::.*"+regexp.QuoteMeta(resource[strings.LastIndex(resource, "}")+1:]))
		}
	}
	if usesKeys {
		findings = append(findings, `Action::kms:ReEncrypt\*`, `Action::kms:GenerateDataKey\*`)
	}
	suppress(policy, "AwsSolutions-IAM5", "Object keys, connection ids and network interfaces are not known beforehand; "+
		"X-Ray and dynamodb:ListStreams take no resource; a key is granted as the CDK grants keys.", findings...)
}
