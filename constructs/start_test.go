package constructs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// CloudFormation asks each function that is ours, with what it is made of, whatever is added
// to it later; and never when it goes.
func TestStartChecks(t *testing.T) {
	const check = "Custom::StreamerStart"
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Workers: []constructs.WorkerProps{{Name: "images", Actions: []string{"resize"}}},
		})
		s.Router.AddEnvironment(jsii.String("LATER"), jsii.String("1"), nil)
	})
	checks := tpl.ofType(check)
	if len(checks) != 6 || len(tpl.ofType("AWS::Lambda::Function")) != 6 {
		t.Errorf("checks %v", checks)
	}
	for _, name := range checks {
		function := strings.TrimSuffix(name, "Start") + "Function"
		tpl.check(t, name, map[string]string{
			"ServiceToken": `"${` + function + `.Arn}"`, "ServiceTimeout": `"180"`, "Probes": `null`,
			"Environment.variables": jsonOf(t, at(tpl.Resources[function].Properties, "Environment.Variables")),
			"Code.s3Key":            jsonOf(t, at(tpl.Resources[function].Properties, "Code.S3Key")),
		})
		if policy := tpl.Resources[name].DeletionPolicy; policy != "Retain" {
			t.Errorf("%s: deletion policy %s", name, policy)
		}
	}
	tpl.check(t, "RouterStart", map[string]string{"Environment.variables.LATER": `"1"`})

	mine := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Storage: existing(stack), Auth: &constructs.AuthProps{Authorizer: awslambda.Function_FromFunctionName(stack, jsii.String("Mine"), jsii.String("mine"))},
		})
	})
	if checks := mine.ofType(check); len(checks) != 4 {
		t.Errorf("with an authorizer of one's own: checks %v", checks)
	}
	for _, name := range mine.ofType(check) {
		mine.check(t, name, map[string]string{"Probes": `"storage"`})
	}
	none := synth(t, nil, &constructs.StreamerProps{UncheckedStart: true})
	if checks := none.ofType(check); len(checks) != 0 {
		t.Errorf("unchecked: checks %v", checks)
	}
}
