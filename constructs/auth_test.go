package constructs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

func TestBadAuthNamesItself(t *testing.T) {
	keys := func(n int) string {
		return `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"RSA","n":"`+strings.Repeat("x", 340)+`"},`, n), ",") + `]}`
	}
	with := func(change func(*constructs.AuthProps)) constructs.AuthProps {
		props := constructs.AuthProps{Issuer: "https://id.example.com/", Audiences: []string{"a"}}
		change(&props)
		return props
	}
	type p = constructs.AuthProps
	for _, c := range []struct {
		want  string
		props p
	}{
		{"Auth.Issuer is empty: give the iss of the tokens to accept, or set Auth.Authorizer, Auth.IAM or Auth.Anonymous", p{}},
		{"Auth.Issuer is empty", p{Audiences: []string{"a"}}},
		{"Auth.Audiences is empty", p{Issuer: "i"}},
		{"Auth.Audiences has an empty one", with(func(a *p) { a.Audiences = []string{"a", ""} })},
		{`Auth.Issuer is "i", which is no https URL to find keys at: give Auth.JWKSURL or Auth.JWKS`, with(func(a *p) { a.Issuer = "i" })},
		{`Auth.Issuer is "http://id.example.com/", which is no https URL`, with(func(a *p) { a.Issuer = "http://id.example.com/" })},
		{`Auth.JWKSURL is "http://id.example.com/keys": give an https URL`, with(func(a *p) { a.JWKSURL = "http://id.example.com/keys" })},
		{"Auth.JWKS is set beside Auth.JWKSURL: give either", with(func(a *p) { a.JWKS, a.JWKSURL = keys(1), "https://id.example.com/keys" })},
		{"Auth.JWKS is not JSON", with(func(a *p) { a.JWKS = "keys.json" })},
		{"Auth.JWKS is known only to CloudFormation: give the text of the keys, or Auth.JWKSURL", with(func(a *p) { a.JWKS = *awscdk.Aws_STACK_NAME() })},
		{"Auth.JWKS has no keys", with(func(a *p) { a.JWKS = "{}" })},
		{"Auth.JWKS holds a secret key", with(func(a *p) { a.JWKS = `{"keys":[{"kty":"EC","d":"x"}]}` })},
		{"Auth.JWKS holds a secret key", with(func(a *p) { a.JWKS = `{"keys":[{"kty":"oct","k":"x"}]}` })},
		{"Auth is too large: the authorizer's environment would hold", with(func(a *p) { a.JWKS = keys(12) })},
		{"Auth.TenantClaim is set beside Auth.Tenant: give either", with(func(a *p) { a.TenantClaim, a.Tenant = "org", "acme" })},
		{`Auth.Tenant is "a#b": give 1 to 64 letters`, with(func(a *p) { a.Tenant = "a#b" })},
		{`Auth.Claims has "": "x": give a name and a value`, with(func(a *p) { a.Claims = map[string]string{"": "x"} })},
		{`Auth.Claims has "scp": "": give a name and a value`, with(func(a *p) { a.Claims = map[string]string{"scp": ""} })},
		{"Auth.LeewaySeconds is 301: give 1 to 300", with(func(a *p) { a.LeewaySeconds = 301 })},
		{"Auth.LeewaySeconds is -1", with(func(a *p) { a.LeewaySeconds = -1 })},
		{`Auth.Origins has "*": give scheme and host as a browser does`, with(func(a *p) { a.Origins = []string{"*"} })},
		{`Auth.Origins has "https://app.example.com/"`, with(func(a *p) { a.Origins = []string{"https://app.example.com/"} })},
		{`Auth.Origins has "https://App.example.com"`, with(func(a *p) { a.Origins = []string{"https://App.example.com"} })},
		{`Auth.Origins has "app.example.com"`, with(func(a *p) { a.Origins = []string{"app.example.com"} })},
		{`Auth.Origins has "null"`, with(func(a *p) { a.Origins = []string{"null"} })},
		{"Auth.RequireOrigin is set without Auth.Origins", with(func(a *p) { a.RequireOrigin = true })},
		{"Auth.Anonymous is set beside Auth.Issuer: give one way to connect", p{Anonymous: true, Issuer: "i"}},
		{"Auth.Anonymous is set beside Auth.Claims", p{Anonymous: true, Claims: map[string]string{"a": "b"}}},
		{"Auth.Anonymous is set beside Auth.IAM", p{Anonymous: true, IAM: true}},
		{"Auth.IAM is set beside Auth.Audiences", p{IAM: true, Audiences: []string{"a"}}},
		{"Auth.Tenant is set beside Auth.Anonymous, which names the tenant itself", p{Anonymous: true, Tenant: "acme"}},
		{"Auth.Origins is set beside Auth.IAM, which decides without looking at them", p{IAM: true, Origins: []string{"https://app.example.com"}}},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
		got := panicOf(func() { constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &c.props}) })
		if !strings.HasPrefix(got, "streamer Dev/Streamer: "+c.want) {
			t.Errorf("got  %q\nwant streamer Dev/Streamer: %s…", got, c.want)
		}
	}
	for want, props := range map[string]p{
		"Auth.Authorizer is set beside Auth.LeewaySeconds": {LeewaySeconds: 5},
		"Auth.IAM is set beside Auth.Authorizer":           {IAM: true},
		"Auth.Tenant is set beside Auth.Authorizer":        {Tenant: "acme"},
		"Auth.Origins is set beside Auth.Authorizer":       {Origins: []string{"https://app.example.com"}},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), nil)
		props.Authorizer = mine(stack)
		got := panicOf(func() { constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &props}) })
		if !strings.HasPrefix(got, "streamer Dev/Streamer: "+want) {
			t.Errorf("got  %q\nwant streamer Dev/Streamer: %s…", got, want)
		}
	}
}

// mine is a function that a user has already.
func mine(stack awscdk.Stack) awslambda.IFunction {
	return awslambda.Function_FromFunctionAttributes(stack, jsii.String("Mine"), &awslambda.FunctionAttributes{
		FunctionArn:     jsii.String("arn:aws:lambda:eu-west-1:111122223333:function:mine"),
		SameEnvironment: jsii.Bool(true),
	})
}

func TestEverySettingReachesTheAuthorizer(t *testing.T) {
	tpl := synth(t, nil, &constructs.StreamerProps{Auth: &constructs.AuthProps{
		Issuer: "https://id.example.com/", Audiences: []string{"a", "b"}, JWKSURL: "https://keys.example.com/?a=1&b=2",
		SubjectClaim: "oid", Tenant: "acme", Claims: map[string]string{"token_use": "access"}, LeewaySeconds: 60,
		Origins: []string{"https://app.example.com", "http://localhost:5173"}, RequireOrigin: true,
	}})
	tpl.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables." + contract.EnvAuth: jsonOf(t, `{"issuer":"https://id.example.com/","audiences":["a","b"],`+
		`"jwks_url":"https://keys.example.com/?a=1&b=2","subject_claim":"oid","tenant":"acme","claims":{"token_use":"access"},"leeway":60,`+
		`"origins":["https://app.example.com","http://localhost:5173"],"require_origin":true}`)})
	tpl.check(t, "RouterFunction", map[string]string{"Environment.Variables." + contract.EnvIAM: `null`})
}

// TestRecipes: what the examples configure is what the authorizer's tests have, where it
// meets tokens as those issuers make them.
func TestRecipes(t *testing.T) {
	for name, auth := range map[string]*constructs.AuthProps{"cognito": cognito, "auth0": auth0, "entra": entra} {
		text, err := os.ReadFile("../functions/authorizer/testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		tpl := synth(t, nil, &constructs.StreamerProps{Auth: auth})
		tpl.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables.STREAMER_AUTH": jsonOf(t, strings.TrimSpace(string(text)))})
	}
}

// TestAuthFromTheSameStack: what CloudFormation alone knows may be given too.
func TestAuthFromTheSameStack(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		pool := awscognito.NewUserPool(stack, jsii.String("Users"), nil)
		client := pool.AddClient(jsii.String("Web"), nil)
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{
			Issuer: *pool.UserPoolProviderUrl(), Audiences: []string{*client.UserPoolClientId()}, Tenant: "acme",
		}})
	})
	tpl.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables.STREAMER_AUTH": jsonOf(t,
		`{"issuer":"${Users.ProviderURL}","audiences":["${UsersWeb}"],"tenant":"acme"}`)})
}

func TestAuthorizerOfOnesOwn(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{Authorizer: mine(stack)}})
	})
	tpl.check(t, "ApiAuthorizer", map[string]string{
		"AuthorizerType": `"REQUEST"`, "IdentitySource": `[]`,
		"AuthorizerUri": `"arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:111122223333:function:mine/invocations"`,
	})
	tpl.check(t, "ApiconnectRoute", map[string]string{"AuthorizationType": `"CUSTOM"`, "AuthorizerId": `"${ApiAuthorizer}"`})
	if _, found := tpl.Resources["AuthorizerFunction"]; found {
		t.Error("there is an authorizer of ours, too")
	}
	allowed := 0
	for _, name := range tpl.ofType("AWS::Lambda::Permission") {
		if strings.Contains(jsonOf(t, tpl.Resources[name].Properties), "function:mine") {
			allowed++
		}
	}
	if allowed != 1 {
		t.Errorf("API Gateway is allowed to call it %d times", allowed)
	}
}

func TestIAM(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{IAM: true}})
		s.GrantConnect(awsiam.NewRole(stack, jsii.String("Caller"), &awsiam.RoleProps{AssumedBy: awsiam.NewAccountRootPrincipal()}))
		if s.Authorizer != nil {
			t.Error("there is an authorizer")
		}
		if errors := s.MetricFunctionErrors(nil); len(errors) != 4 {
			t.Error("metrics of functions that are not there")
		}
	})
	tpl.check(t, "ApiconnectRoute", map[string]string{"AuthorizationType": `"AWS_IAM"`, "AuthorizerId": `null`})
	tpl.check(t, "RouterFunction", map[string]string{"Environment.Variables." + contract.EnvIAM: `"{}"`})
	tpl.check(t, "CallerDefaultPolicy", map[string]string{
		"PolicyDocument.Statement.0.Action":   `"execute-api:Invoke"`,
		"PolicyDocument.Statement.0.Resource": `"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/v1/$connect"`,
	})
	if len(tpl.ofType("AWS::ApiGatewayV2::Authorizer")) != 0 {
		t.Error("there is an authorizer")
	}
	one := synth(t, nil, &constructs.StreamerProps{Auth: &constructs.AuthProps{IAM: true, Tenant: "acme"}})
	one.check(t, "RouterFunction", map[string]string{"Environment.Variables." + contract.EnvIAM: `"{\"tenant\":\"acme\"}"`})
}

// TestLocalAuth: the local stage has an issuer of its own, and no IAM.
func TestLocalAuth(t *testing.T) {
	local := map[string]any{contract.ContextLocal: localContext}
	const own = `"{\"issuer\":\"local\",\"audiences\":[\"streamer\"],\"jwks_url\":\"http://127.0.0.1:4566/_front/jwks\"}"`
	for _, auth := range []*constructs.AuthProps{nil, auth(), {IAM: true}} {
		tpl := synth(t, local, &constructs.StreamerProps{Auth: auth})
		tpl.check(t, "AuthorizerFunction", map[string]string{"Environment.Variables.STREAMER_AUTH": own})
		tpl.check(t, "ApiconnectRoute", map[string]string{"AuthorizationType": `"CUSTOM"`})
		tpl.check(t, "RouterFunction", map[string]string{"Environment.Variables." + contract.EnvIAM: `null`})
	}
	tpl := synthStack(t, local, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: &constructs.AuthProps{Authorizer: mine(stack)}})
	})
	if _, found := tpl.Resources["AuthorizerFunction"]; found {
		t.Error("an authorizer of one's own is not taken")
	}
}
