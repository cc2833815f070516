package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Access tokens of Auth0, for an API with the identifier that is the audience here: the
// ID tokens of its clients have those clients as their audience. The issuer ends in a
// slash.
//
// An Action adds the tenant under a name that is a URL of yours, as Auth0 wants it:
//
//	exports.onExecutePostLogin = async (event, api) => {
//	  api.accessToken.setCustomClaim('https://shop.example.com/tenant', event.user.app_metadata.tenant)
//	}
//
// With Auth0 Organizations, TenantClaim "org_id" needs no Action.
var auth0 = &constructs.AuthProps{
	Issuer:      "https://shop.eu.auth0.com/",
	Audiences:   []string{"https://stream.shop.example.com"},
	TenantClaim: "https://shop.example.com/tenant",
}

func ExampleAuthProps_auth0() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: auth0})
}
