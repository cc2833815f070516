package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/pay-theory/streamer/internal/contract"
)

// checkFiles asks whether what the bucket keeps expires; it may have been brought.
func checkFiles(ctx context.Context, p *patient) ([]finding, error) {
	out, err := p.files.Client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &p.files.Name})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchLifecycleConfiguration" {
		out, err = &s3.GetBucketLifecycleConfigurationOutput{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the lifecycle of the bucket %s: %w", p.files.Name, err)
	}
	if !slices.ContainsFunc(out.Rules, expires) {
		return []finding{p.endless("files", "the bucket grows", "give the bucket "+p.files.Name+" a lifecycle rule by which objects under "+contract.FilesPrefix+" expire")}, nil
	}
	return []finding{ok("files expire")}, nil
}

// expires tells whether all files do by a rule.
func expires(rule types.LifecycleRule) bool {
	if rule.Status != types.ExpirationStatusEnabled || rule.Expiration == nil || aws.ToInt32(rule.Expiration.Days) == 0 {
		return false
	}
	prefix := aws.ToString(rule.Prefix) // which rules of long ago have
	if f := rule.Filter; f != nil {
		if f.Tag != nil || f.And != nil || f.ObjectSizeGreaterThan != nil || f.ObjectSizeLessThan != nil {
			return false
		}
		prefix = aws.ToString(f.Prefix)
	}
	return strings.HasPrefix(contract.FilesPrefix, prefix)
}
