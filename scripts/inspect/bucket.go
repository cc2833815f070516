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

// checkFiles asks whether what the bucket keeps expires, and what is deleted of it; it may have
// been brought.
func checkFiles(ctx context.Context, p *patient) ([]finding, error) {
	out, err := p.files.Client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &p.files.Name})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchLifecycleConfiguration" {
		out, err = &s3.GetBucketLifecycleConfigurationOutput{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at the lifecycle of the bucket %s: %w", p.files.Name, err)
	}
	versions, err := p.files.Client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &p.files.Name})
	if err != nil {
		return nil, fmt.Errorf("look at the versions of the bucket %s: %w", p.files.Name, err)
	}
	var found []finding
	give := "give the bucket " + p.files.Name + " a lifecycle rule by which %s under " + contract.FilesPrefix + " expire"
	if !slices.ContainsFunc(out.Rules, expires) {
		found = append(found, p.endless("files", "the bucket grows", fmt.Sprintf(give, "objects")))
	}
	if versions.Status != "" && !slices.ContainsFunc(out.Rules, forgets) { // also where it was suspended: old ones stay
		found = append(found, p.endless("old versions of files", "what is deleted stays", fmt.Sprintf(give, "versions that are no longer current")))
	}
	if len(found) == 0 {
		found = append(found, ok("files expire"))
	}
	return found, nil
}

// expires tells whether all files do by a rule.
func expires(rule types.LifecycleRule) bool {
	return ofAll(rule) && rule.Expiration != nil && aws.ToInt32(rule.Expiration.Days) > 0
}

// forgets tells whether all versions of files that are no longer current expire by a rule.
func forgets(rule types.LifecycleRule) bool {
	old := rule.NoncurrentVersionExpiration
	return ofAll(rule) && old != nil && aws.ToInt32(old.NoncurrentDays) > 0
}

// ofAll tells a rule that is in force for all files.
func ofAll(rule types.LifecycleRule) bool {
	if rule.Status != types.ExpirationStatusEnabled {
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
