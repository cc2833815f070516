package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestWhichRulesLetAllFilesExpire(t *testing.T) {
	rule := func(change func(*types.LifecycleRule)) types.LifecycleRule {
		r := types.LifecycleRule{Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(30)}}
		change(&r)
		return r
	}
	for what, c := range map[string]struct {
		rule types.LifecycleRule
		want bool
	}{
		"all":           {rule(func(*types.LifecycleRule) {}), true},
		"an old prefix": {rule(func(r *types.LifecycleRule) { r.Prefix = aws.String("t/") }), true},
		"another one":   {rule(func(r *types.LifecycleRule) { r.Prefix = aws.String("logs/") }), false},
		"off":           {rule(func(r *types.LifecycleRule) { r.Status = types.ExpirationStatusDisabled }), false},
		"uploads only":  {rule(func(r *types.LifecycleRule) { r.Expiration = nil }), false},
		"what has a tag": {rule(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("a"), Value: aws.String("b")}}
		}), false},
		"large ones": {rule(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(1)}
		}), false},
	} {
		if got := expires(c.rule); got != c.want {
			t.Errorf("%s: %t", what, got)
		}
		old := c.rule
		old.NoncurrentVersionExpiration = &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)}
		if forgets(c.rule) || forgets(old) != (c.want || c.rule.Expiration == nil) {
			t.Errorf("%s: old versions are kept otherwise", what)
		}
	}
}

func TestWhatGrowsForEver(t *testing.T) {
	p := &patient{session: &session{}}
	if f := p.endless("files", "the bucket grows", "do it"); f.State != bad || f.Do != "do it" || f.Says != "files do not expire: the bucket grows for ever" {
		t.Errorf("in an account: %+v", f)
	}
	p.Emulator = "http://127.0.0.1:1"
	if f := p.endless("files", "the bucket grows", "do it"); f.State != note || !strings.Contains(f.Says, "the local stage has no expiry") {
		t.Errorf("on the local stage: %+v", f)
	}
}
