package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// GrantReadRequests lets grantee list the requests of a tenant and day: what the
// sample report is made from. A processor with handlers of its own has it only if you
// call this.
func (s *StreamerConstruct) GrantReadRequests(grantee awsiam.IGrantable) {
	grantee.GrantPrincipal().AddToPrincipalPolicy(allow(s.requestsIndex(contract.IndexByTenant), "dynamodb:Query"))
}

// allow is a statement about one resource.
func allow(resource *string, actions ...string) awsiam.PolicyStatement {
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{
		Actions:   jsii.Strings(actions...),
		Resources: &[]*string{resource},
	})
}

// requestsIndex is the ARN of an index of the requests table.
func (s *StreamerConstruct) requestsIndex(name string) *string {
	return jsii.String(*s.Requests.TableArn() + "/index/" + name)
}

// everyFile is the ARN of what Streamer keeps in the bucket.
func (s *StreamerConstruct) everyFile() *string {
	return s.Files.ArnForObjects(jsii.String(contract.FilesPrefix + "*"))
}

// everyConnection is the ARN of posting to any connection of this stage: neither
// reading nor closing one, nor any other stage.
func (s *StreamerConstruct) everyConnection() *string {
	return awscdk.Stack_Of(s).FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("execute-api"),
		Resource:     s.API.ApiId(),
		ResourceName: jsii.String(*s.Stage.StageName() + "/POST/@connections/*"),
	})
}
