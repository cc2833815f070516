package constructs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// abandonedUploadDays is how long the parts of an upload that nobody finished are kept.
const abandonedUploadDays = 2

// checkFiles tells whether files would stay for ever in a bucket that this app makes, or what is
// deleted of them; of others nothing is known.
func checkFiles(field string, bucket awss3.IBucket) error {
	if bucket == nil {
		return nil
	}
	resource, here := bucket.Node().DefaultChild().(awss3.CfnBucket)
	if !here {
		return nil
	}
	var (
		lifecycle  struct{ Rules []lifecycleRule }
		versioning struct{ Status string }
	)
	for _, part := range []struct{ from, to any }{
		{resource.LifecycleConfiguration(), &lifecycle}, {resource.VersioningConfiguration(), &versioning},
	} {
		if part.from == nil {
			continue
		}
		text, err := json.Marshal(awscdk.Stack_Of(resource).Resolve(part.from))
		if err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
		if err := json.Unmarshal(text, part.to); err != nil {
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	files := func(r lifecycleRule) bool { return r.ExpirationInDays > 0 }
	versions := func(r lifecycleRule) bool { return r.NoncurrentVersionExpiration.NoncurrentDays > 0 }
	lacks := func(expires func(lifecycleRule) bool) bool {
		return !slices.ContainsFunc(lifecycle.Rules, func(r lifecycleRule) bool { return r.ofAll() && expires(r) })
	}
	const missing = "%s has no lifecycle rule by which %s under %s expire, so that it would grow for ever: give it one; %s"
	switch {
	case lacks(files):
		return fmt.Errorf(missing, field, "objects", contract.FilesPrefix, newStorageMakesIt)
	case versioning.Status == "Enabled" && lacks(versions):
		return fmt.Errorf(missing, field, "versions of objects that are no longer current", contract.FilesPrefix, newStorageMakesIt)
	}
	return nil
}

// lifecycleRule is a rule as far as it matters whether files go by it.
type lifecycleRule struct {
	Prefix, Status                            string
	ExpirationInDays                          float64
	NoncurrentVersionExpiration               struct{ NoncurrentDays float64 }
	TagFilters                                []any
	ObjectSizeGreaterThan, ObjectSizeLessThan any
}

// ofAll tells a rule that is in force for all files.
func (r lifecycleRule) ofAll() bool {
	return r.Status == "Enabled" && strings.HasPrefix(contract.FilesPrefix, r.Prefix) &&
		len(r.TagFilters) == 0 && r.ObjectSizeGreaterThan == nil && r.ObjectSizeLessThan == nil
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
