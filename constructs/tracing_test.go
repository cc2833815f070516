package constructs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/pay-theory/streamer/constructs"
)

// TestTracing: what traces is told so and may write traces, and nothing else may.
func TestTracing(t *testing.T) {
	const untraced = `null`
	for name, c := range map[string]struct {
		props constructs.StreamerProps
		want  map[string]string // STREAMER_TRACING of the functions that work on requests
	}{
		"by default": {constructs.StreamerProps{}, map[string]string{"Router": `"{}"`, "Dispatcher": `"{}"`, "Processor": `"{}"`, "WorkersreportsProcessor": `"{}"`, "Reconciler": `"{}"`}},
		"more of them": {constructs.StreamerProps{Tracing: &constructs.TracingProps{Percent: 12.5}},
			map[string]string{"Router": `"{\"percent\":12.5}"`, "Dispatcher": `"{}"`, "Processor": `"{}"`, "WorkersreportsProcessor": `"{}"`, "Reconciler": `"{}"`}},
		"off": {constructs.StreamerProps{Tracing: &constructs.TracingProps{Off: true}},
			map[string]string{"Router": untraced, "Dispatcher": untraced, "Processor": untraced, "WorkersreportsProcessor": untraced, "Reconciler": untraced}},
		"off but for one": {constructs.StreamerProps{Tracing: &constructs.TracingProps{Off: true}, Processor: constructs.FunctionProps{Tracing: awslambda.Tracing_PASS_THROUGH}},
			map[string]string{"Router": untraced, "Dispatcher": untraced, "Processor": `"{}"`, "WorkersreportsProcessor": `"{}"`, "Reconciler": untraced}},
		"on but for one": {constructs.StreamerProps{Dispatcher: constructs.FunctionProps{Tracing: awslambda.Tracing_DISABLED}},
			map[string]string{"Router": `"{}"`, "Dispatcher": untraced, "Processor": `"{}"`, "WorkersreportsProcessor": `"{}"`, "Reconciler": `"{}"`}},
	} {
		c.props.Workers = reports()
		tpl := synth(t, nil, &c.props)
		for function, want := range c.want {
			tpl.check(t, function+"Function", map[string]string{"Environment.Variables.STREAMER_TRACING": want})
			may := strings.Contains(strings.Join(tpl.allowed(t, function), " "), "xray:PutTraceSegments on *")
			if may != (want != untraced) {
				t.Errorf("%s: %s may write traces: %v", name, function, may)
			}
		}
		if off := c.props.Tracing != nil && c.props.Tracing.Off; off == strings.Contains(strings.Join(tpl.allowed(t, "Authorizer"), " "), "xray:") {
			t.Errorf("%s: the authorizer may write traces: %v", name, !off)
		}
	}
}
