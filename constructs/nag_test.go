package constructs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"github.com/pay-theory/streamer/constructs"
)

// accepted are the findings of cdk-nag that stand, with the reason.
var accepted = map[string]string{
	"Files AwsSolutions-S1":                           "server access logs: objects are reached through presigned links of our own functions, which log",
	"Undispatched AwsSolutions-SQS3":                  "no dead-letter queue: it is the end of the line itself, and nothing reads it",
	"Stage AwsSolutions-APIG1":                        "access logs: written with a role of the whole account, so only if AccessLogs is given",
	"Api/$disconnect-Route AwsSolutions-APIG4":        "no authorizer: API Gateway has them on $connect alone, and keeps what it said for the connection",
	"Api/$default-Route AwsSolutions-APIG4":           "no authorizer: as above",
	"Authorizer/Role/DefaultPolicy AwsSolutions-IAM5": "wildcards: each is listed in TestWildcards",
	"Router/Role/DefaultPolicy AwsSolutions-IAM5":     "wildcards: as above",
	"Dispatcher/Role/DefaultPolicy AwsSolutions-IAM5": "wildcards: as above",
	"Processor/Role/DefaultPolicy AwsSolutions-IAM5":  "wildcards: as above",
	"Reconciler/Role/DefaultPolicy AwsSolutions-IAM5": "wildcards: as above",

	"Workers/reports/Processor/Role/DefaultPolicy AwsSolutions-IAM5": "wildcards: those of the processor",
}

// TestAwsSolutions checks a Streamer against the AwsSolutions rules of cdk-nag.
func TestAwsSolutions(t *testing.T) {
	stack := awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Auth:    auth(),
		Workers: []constructs.WorkerProps{{Name: "reports", Actions: []string{"generate_report"}}},
	})
	awscdk.Aspects_Of(stack).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Reports: jsii.Bool(false)}), nil)

	annotations := assertions.Annotations_FromStack(stack)
	ofPack := assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions"))
	found := map[string]bool{}
	for _, finding := range slices.Concat(*annotations.FindError(jsii.String("*"), ofPack), *annotations.FindWarning(jsii.String("*"), ofPack)) {
		message := finding.Entry.Data.(string)
		rule := strings.FieldsFunc(message, func(r rune) bool { return r == ':' || r == '[' })[0]
		path := strings.TrimSuffix(strings.TrimPrefix(*finding.Id, "/Test/Streamer/"), "/Resource")
		found[path+" "+rule] = true
		if _, stands := accepted[path+" "+rule]; !stands {
			t.Errorf("%s: %s", path, message)
		}
	}
	for finding := range accepted {
		if !found[finding] {
			t.Errorf("%s is accepted and no longer found", finding)
		}
	}
}
