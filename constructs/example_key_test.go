package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// One key of the team's for all that Streamer keeps: tables, queues, files, logs and the
// functions' variables. Who reads from outside is granted the key with the rest.
func ExampleStreamerProps_encryptionKey() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), &awscdk.StackProps{
		Env: &awscdk.Environment{Region: jsii.String("eu-west-1")},
	})
	key := awskms.NewKey(stack, jsii.String("Key"), &awskms.KeyProps{EnableKeyRotation: jsii.Bool(true)})
	constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{EncryptionKey: key})
}
