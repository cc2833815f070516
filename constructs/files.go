package constructs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// abandonedUploadDays is how long the parts of an upload that nobody finished are kept.
const abandonedUploadDays = 2

// checkFiles tells whether files would stay for ever in a bucket that this app makes; of others
// nothing is known.
func checkFiles(field string, bucket awss3.IBucket) error {
	if bucket == nil {
		return nil
	}
	resource, here := bucket.Node().DefaultChild().(awss3.CfnBucket)
	if !here {
		return nil
	}
	text, err := json.Marshal(awscdk.Stack_Of(resource).Resolve(resource.LifecycleConfiguration()))
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	var lifecycle struct {
		Rules []struct {
			Prefix, Status   string
			ExpirationInDays float64
		}
	}
	if err := json.Unmarshal(text, &lifecycle); err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	for _, rule := range lifecycle.Rules {
		if rule.Status == "Enabled" && rule.ExpirationInDays > 0 && strings.HasPrefix(contract.FilesPrefix, rule.Prefix) {
			return nil
		}
	}
	return fmt.Errorf("%s has no lifecycle rule by which objects under %s expire, so that it would grow for ever: give it one; %s", field, contract.FilesPrefix, newStorageMakesIt)
}

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
