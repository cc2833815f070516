package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// abandonedUploadDays is how long the parts of an upload that nobody finished are kept.
const abandonedUploadDays = 2

// newFiles makes the bucket of results, reports and large payloads. It is private;
// clients reach an object through a presigned link alone.
func newFiles(scope constructs.Construct, p *StorageProps, local *localStage) awss3.Bucket {
	bucket := &awss3.BucketProps{
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		Encryption:        awss3.BucketEncryption_S3_MANAGED,
		EnforceSSL:        jsii.Bool(local.enforceSSL()),
		RemovalPolicy:     p.RemovalPolicy,
		LifecycleRules: &[]*awss3.LifecycleRule{
			{
				Id:         jsii.String("expire-files"),
				Prefix:     jsii.String(contract.FilesPrefix),
				Expiration: awscdk.Duration_Days(jsii.Number(p.FileRetentionDays)),
			},
			{
				Id:                                  jsii.String("abort-uploads"),
				AbortIncompleteMultipartUploadAfter: awscdk.Duration_Days(jsii.Number(abandonedUploadDays)),
			},
		},
	}
	if p.EncryptionKey != nil {
		bucket.Encryption = awss3.BucketEncryption_KMS
		bucket.EncryptionKey = p.EncryptionKey
		bucket.BucketKeyEnabled = jsii.Bool(true)
	}
	if len(p.WebOrigins) > 0 {
		bucket.Cors = &[]*awss3.CorsRule{{
			AllowedMethods: &[]awss3.HttpMethods{awss3.HttpMethods_PUT, awss3.HttpMethods_GET},
			AllowedOrigins: jsii.Strings(p.WebOrigins...),
			AllowedHeaders: jsii.Strings("content-type", "x-amz-checksum-sha256"),
		}}
	}
	made := awss3.NewBucket(scope, jsii.String("Files"), bucket)
	suppress(made, "AwsSolutions-S1", "Objects are reached by the functions alone, and through links that they presign and log.")
	return made
}
