package constructs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"github.com/pay-theory/streamer/constructs"
)

// findings are what the AwsSolutions rules of cdk-nag say about a Streamer in stack, as "path
// rule", with the part in brackets that a rule may have.
func findings(t *testing.T, stack awscdk.Stack) []string {
	t.Helper()
	awscdk.Aspects_Of(stack).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)
	annotations := assertions.Annotations_FromStack(stack)
	ofPack := assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions|CdkNag"))
	var found []string
	for _, finding := range slices.Concat(*annotations.FindError(jsii.String("*"), ofPack), *annotations.FindWarning(jsii.String("*"), ofPack)) {
		if path, ours := strings.CutPrefix(*finding.Id, "/Test/Streamer/"); ours {
			rule, _, _ := strings.Cut(finding.Entry.Data.(string), ": ")
			found = append(found, strings.TrimSuffix(path, "/Resource")+" "+rule)
		}
	}
	slices.Sort(found)
	return found
}

// TestAwsSolutions: the run of an app of one's own finds nothing but access logs, which need a
// role of the whole account, and nothing at all with them.
func TestAwsSolutions(t *testing.T) {
	plain := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
	constructs.NewStreamer(plain, "Streamer", nil)
	if found := findings(t, plain); !slices.Equal(found, []string{"Stage AwsSolutions-APIG1"}) {
		t.Errorf("found %q", found)
	}
	logged := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
	constructs.NewStreamer(logged, "Streamer", &constructs.StreamerProps{
		Auth: auth(), Workers: reports(), AccessLogs: awslogs.NewLogGroup(logged, jsii.String("Logs"), nil),
	})
	if found := findings(t, logged); len(found) != 0 {
		t.Errorf("found %q", found)
	}
}

func TestAwsSolutionsOfAllThatThereIs(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	everything(stack)
	if found := findings(t, stack); !slices.Equal(found, []string{"Stage AwsSolutions-APIG1"}) {
		t.Errorf("found %q", found)
	}
}

// TestSuppressionsHideNothingOfOthers: what a user adds to a role of ours is still found.
func TestSuppressionsHideNothingOfOthers(t *testing.T) {
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
	s := constructs.NewStreamer(stack, "Streamer", nil)
	s.Processor.AddToRolePolicy(awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions: jsii.Strings("s3:*"), Resources: jsii.Strings("arn:aws:s3:::mine/*"),
	}))
	want := []string{
		"Processor/Role/DefaultPolicy AwsSolutions-IAM5[Action::s3:*]",
		"Processor/Role/DefaultPolicy AwsSolutions-IAM5[Resource::arn:aws:s3:::mine/*]",
		"Stage AwsSolutions-APIG1",
	}
	if found := findings(t, stack); !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

// TestEachSuppressionHasAReason: for whoever reads the template.
func TestEachSuppressionHasAReason(t *testing.T) {
	stack := inIreland(newApp(t, nil))
	suppressions := 0
	for _, resource := range resources(everything(stack)) {
		metadata := resource.GetMetadata(jsii.String("cdk_nag"))
		if metadata == nil {
			continue
		}
		suppressions++
		if reason, _ := at(metadata, "rules_to_suppress.0.reason").(string); len(reason) < 30 {
			t.Errorf("%s: %q", *resource.Node().Path(), reason)
		}
	}
	if suppressions != 11 { // six roles, two routes, a queue, the bucket and an endpoint's group
		t.Errorf("%d suppressions", suppressions)
	}
}
