package constructs

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// localStage is the value of contract.ContextLocal. A nil one is an account; its
// methods answer for both, and are the only place that knows the difference.
type localStage struct {
	Endpoint string `json:"endpoint"`
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	JWKSURL  string `json:"jwks_url"`
}

// readLocalStage finds the local stage in the context, nil if there is none.
func readLocalStage(scope constructs.Construct) (*localStage, error) {
	value := scope.Node().TryGetContext(jsii.String(contract.ContextLocal))
	if value == nil {
		return nil, nil
	}
	text, isText := value.(string) // as the command line gives it; cdk.json gives an object
	if !isText {
		object, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("context %s: %w", contract.ContextLocal, err)
		}
		text = string(object)
	}
	local := &localStage{}
	if err := json.Unmarshal([]byte(text), local); err != nil {
		return nil, fmt.Errorf("context %s is not a JSON object: %w", contract.ContextLocal, err)
	}
	if !strings.HasPrefix(local.Endpoint, "http") {
		return nil, fmt.Errorf("context %s: endpoint is %q: give the stage's address, http://…", contract.ContextLocal, local.Endpoint)
	}
	if local.Issuer == "" || local.Audience == "" || local.JWKSURL == "" {
		return nil, errors.New("context " + contract.ContextLocal + ": issuer, audience and jwks_url are needed")
	}
	return local, nil
}

// goos is what functions are built for: the local stage runs them on this machine.
func (l *localStage) goos() string {
	if l == nil {
		return "linux"
	}
	return runtime.GOOS
}

// architecture is that of the functions, for the same reason.
func (l *localStage) architecture(asked awslambda.Architecture) awslambda.Architecture {
	switch {
	case l == nil:
		return asked
	case runtime.GOARCH == "amd64":
		return awslambda.Architecture_X86_64()
	}
	return awslambda.Architecture_ARM_64()
}

// auth is whom the authorizer trusts: on the local stage its own keys alone, so that
// no token of a real issuer is ever needed, or accepted, there. The emulator cannot check
// signatures of IAM.
func (l *localStage) auth(asked *AuthProps) *AuthProps {
	if l == nil || (asked != nil && (asked.Anonymous || asked.Authorizer != nil)) {
		return asked
	}
	return &AuthProps{Issuer: l.Issuer, Audiences: []string{l.Audience}, JWKSURL: l.JWKSURL}
}

// xrayDaemon is where functions send traces to, empty for the one that Lambda runs: the
// front of the local stage is that, too.
func (l *localStage) xrayDaemon() string {
	if l == nil {
		return ""
	}
	_, host, _ := strings.Cut(strings.TrimSuffix(l.Endpoint, "/"), "://")
	return host
}

// enforceSSL: the local stage speaks plain HTTP.
func (l *localStage) enforceSSL() bool { return l == nil }

// routeResponse: the emulator refuses the resource, and sends a returned body
// without it.
func (l *localStage) routeResponse() bool { return l == nil }

// metricMath: the emulator refuses alarms on expressions.
func (l *localStage) metricMath() bool { return l == nil }

// hinting are the actions by which a function sends hints: on AWS there is one for both calls,
// the emulator asks for the call's own name.
func (l *localStage) hinting(actions []string) []string {
	if l == nil {
		return actions
	}
	return append(slices.Clone(actions), "sqs:SendMessageBatch")
}

// removalPolicy: nothing local is worth keeping.
func (l *localStage) removalPolicy(asked awscdk.RemovalPolicy) awscdk.RemovalPolicy {
	if l == nil {
		return asked
	}
	return awscdk.RemovalPolicy_DESTROY
}

// answerSeconds is how long CloudFormation waits for a function to tell that it works: a cold
// start in a network, and what Lambda may take to get to an event.
func (l *localStage) answerSeconds() float64 {
	if l == nil {
		return 180
	}
	return 15
}

// domain: the local stage is reached at its own address. Nobody looks at the domain there, which
// may be that of another Streamer, that has none there either.
func (l *localStage) domain(asked *DomainProps) *DomainProps {
	if l == nil {
		return asked
	}
	return nil
}

// webSocketURL is where clients connect.
func (l *localStage) webSocketURL(s *StreamerConstruct, domain *DomainProps) *string {
	switch {
	case domain != nil:
		return domain.url()
	case l == nil:
		return s.Stage.Url()
	}
	return jsii.String("ws" + strings.TrimPrefix(*l.callbackURL(s), "http"))
}

// callbackURL is where functions post frames to connections.
func (l *localStage) callbackURL(s *StreamerConstruct) *string {
	if l == nil {
		return s.Stage.CallbackUrl()
	}
	return jsii.String(strings.TrimSuffix(l.Endpoint, "/") + "/_aws/execute-api/" + *s.API.ApiId() + "/" + *s.Stage.StageName())
}

// apiOf is the API and the stage that a callback URL names.
func (l *localStage) apiOf(callbackURL string) (apiID, stageName *string) {
	parts := awscdk.Fn_Split(jsii.String("/"), jsii.String(callbackURL), nil)
	if l == nil { // https://<api>.execute-api.…/<stage>
		host := awscdk.Fn_Split(jsii.String("."), awscdk.Fn_Select(jsii.Number(2), parts), nil)
		return awscdk.Fn_Select(jsii.Number(0), host), awscdk.Fn_Select(jsii.Number(3), parts)
	}
	// http://…/_aws/execute-api/<api>/<stage>
	return awscdk.Fn_Select(jsii.Number(5), parts), awscdk.Fn_Select(jsii.Number(6), parts)
}
