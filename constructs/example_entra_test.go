package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Access tokens (v2.0) of Microsoft Entra ID, for an app registration that exposes an API
// with a scope of yours; set its requestedAccessTokenVersion to 2. The audience is the
// registration's client id; the scope tells access tokens from ID tokens, which a page
// with the same registration has too.
//
// oid is the user whatever app they come from, where sub differs from app to app; tid is
// the directory. An issuer is one directory: for users of many, whose issuers differ, take
// an Authorizer of your own.
var entra = &constructs.AuthProps{
	Issuer:       "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
	Audiences:    []string{"00001111-aaaa-2222-bbbb-3333cccc4444"},
	SubjectClaim: "oid",
	TenantClaim:  "tid",
	Claims:       map[string]string{"scp": "Stream.Use"},
}

func ExampleAuthProps_entra() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Auth: entra})
}
