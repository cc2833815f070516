package integ_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/cfn"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/internal/contract"
)

// Each function tells CloudFormation that it works, and may look at the storage that it uses
// with the grants that it has.
func TestFunctionsTellThatTheyWork(t *testing.T) {
	t.Parallel()
	s := local(t, "functions that may be invoked")
	answers := make(chan cfn.Response, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var answer cfn.Response
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			t.Error(err)
		}
		answers <- answer
	}))
	defer server.Close()
	cfg := awsConfig(t)
	for _, function := range []string{"AuthorizerFunction", "RouterFunction", "DispatcherFunction", "StreamerProcessorFunction", "ReconcilerFunction", "WorkersreportsProcessorFunction"} {
		out, err := lambda.NewFromConfig(cfg).Invoke(t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String(resourceOf(t, cfg, s, "AWS::Lambda::Function", function)),
			Payload: object(t, cfn.Event{
				RequestType: cfn.RequestUpdate, ResourceType: contract.StartCheck, ResponseURL: server.URL, PhysicalResourceID: function,
				ResourceProperties: map[string]any{contract.StartProbes: "storage"},
			}),
		})
		if err != nil || out.FunctionError != nil {
			t.Errorf("%s: %v %s", function, err, aws.ToString(out.FunctionError))
			continue
		}
		if answer := <-answers; answer.Status != cfn.StatusSuccess || answer.PhysicalResourceID != function {
			t.Errorf("%s: %+v", function, answer)
		}
	}
}
