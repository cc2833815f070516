package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Access tokens of an Amazon Cognito user pool. They name the app client in client_id, and
// have no aud. ID tokens have the client in aud, so token_use tells them apart.
//
// Access tokens have no custom attributes. A "pre token generation" trigger of version V2_0
// adds the tenant as a claim of any name, here "tenant". Without one, take ID tokens
// ("token_use": "id") with TenantClaim "custom:tenant", or one Tenant for all.
//
// For a pool in the same stack, Issuer is *pool.UserPoolProviderUrl() and the audience
// *client.UserPoolClientId().
var cognito = &constructs.AuthProps{
	Issuer:    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01",
	Audiences: []string{"1example23456789clientid00"},
	Claims:    map[string]string{"token_use": "access"},
}

func ExampleAuthProps_cognito() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: cognito})
}
