package constructs

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// TracingProps says which messages are followed to the end of their requests, as traces of
// AWS X-Ray. A trace has the message, its hint, each attempt, its handler, and what the
// handler adds through OpenTelemetry: the span of its context.
//
// X-Ray has a price for each trace. Functions are not slower for it: spans are sent to the
// X-Ray daemon that Lambda runs beside them, and nobody waits for an answer.
type TracingProps struct {
	// Percent is how many of a hundred messages are traced besides those that Lambda
	// chooses, which are the first of each second and 5 % of the others ("Visualize Lambda
	// function invocations using AWS X-Ray"): 0 to 100. Default 0.
	Percent float64
	// Off: nothing is traced, by Lambda neither, and no function may write traces, but for
	// those whose own FunctionProps.Tracing says otherwise. Default false.
	Off bool
}

func (t *TracingProps) validate(router awslambda.Tracing) error {
	switch {
	case !(t.Percent >= 0 && t.Percent <= 100):
		return fmt.Errorf("Tracing.Percent is %g: give 0 to 100", t.Percent)
	case t.Percent > 0 && t.Off:
		return errors.New("Tracing has both Percent and Off: give one of them")
	case t.Percent > 0 && router == awslambda.Tracing_DISABLED:
		return fmt.Errorf("Tracing.Percent is %g, and Router.Tracing DISABLED: traces begin in the router, leave one of them out", t.Percent)
	}
	return nil
}

// untraced makes DISABLED the default of functions.
func (t *TracingProps) untraced(functions ...*FunctionProps) {
	if t.Off {
		for _, f := range functions {
			setDefault(&f.Tracing, awslambda.Tracing_DISABLED)
		}
	}
}

// trace tells a function to trace, with percent of its messages besides those that Lambda
// chooses.
func (s *StreamerConstruct) trace(environment map[string]*string, f FunctionProps, percent float64) {
	if f.Tracing == awslambda.Tracing_DISABLED {
		return
	}
	value, err := json.Marshal(contract.Tracing{Percent: percent, Daemon: s.local.xrayDaemon()})
	if err != nil {
		panic(err) // a struct of a number and a string
	}
	environment[contract.EnvTracing] = jsii.String(string(value))
}
