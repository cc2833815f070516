package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/resources"
)

// examined is what doctor finds with a check.
func (s *onStage) examined(check string) (found []finding) {
	s.Helper()
	_, out, said := s.inspect("doctor", "--json")
	var all struct{ Answer []finding }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		s.Fatalf("%v: %s%s", err, out, said)
	}
	return slices.DeleteFunc(all.Answer, func(f finding) bool { return f.Check != check })
}

// roles are the roles of the stage's functions by what people call them, each with the name
// and the text of its only policy.
func (s *onStage) roles(cfg aws.Config) map[string]*iam.GetRolePolicyOutput {
	s.Helper()
	stack := s.stack()
	parts, err := resources.Of(s.Context(), cfg, stack.Name, "")
	if err != nil {
		s.Fatal(err)
	}
	client, all := iam.NewFromConfig(cfg), map[string]*iam.GetRolePolicyOutput{}
	for _, g := range logs.In(parts) {
		f, err := lambda.NewFromConfig(cfg).GetFunctionConfiguration(s.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &g.Function})
		if err != nil {
			s.Fatal(err)
		}
		role := path.Base(aws.ToString(f.Role))
		names, err := client.ListRolePolicies(s.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
		if err != nil || len(names.PolicyNames) != 1 {
			s.Fatalf("%v: policies of %s: %v", err, role, names)
		}
		if all[g.Label], err = client.GetRolePolicy(s.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &names.PolicyNames[0]}); err != nil {
			s.Fatal(err)
		}
	}
	return all
}

// Each permission that a function needs is missed, by the function's name and the action's,
// and nothing is once they are back.
func TestDoctorMissesPermissions(t *testing.T) {
	s := stage(t)
	cfg := s.config()
	client, roles := iam.NewFromConfig(cfg), s.roles(cfg)
	put := func(p *iam.GetRolePolicyOutput, document string) {
		t.Helper()
		if _, err := client.PutRolePolicy(context.WithoutCancel(t.Context()), &iam.PutRolePolicyInput{RoleName: p.RoleName, PolicyName: p.PolicyName, PolicyDocument: &document}); err != nil {
			t.Error(err)
		}
	}
	whole := map[string]string{}
	restore := func() {
		for label, p := range roles {
			put(p, whole[label])
		}
	}
	for label, p := range roles {
		document, err := url.QueryUnescape(aws.ToString(p.PolicyDocument))
		if err != nil {
			t.Fatal(err)
		}
		whole[label] = document
	}
	t.Cleanup(restore)
	for _, p := range roles {
		put(p, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`)
	}
	bare := s.examined("permissions")
	restore()

	named := regexp.MustCompile(`^the (?:function )?(\S+) may not (.+) on (?:arn:aws:\S+|\*) \((.+)\)$`)
	got := map[string]bool{}
	for _, f := range bare {
		parts := named.FindStringSubmatch(f.Says)
		if parts == nil {
			continue // what was refused in the last hour
		}
		if role := aws.ToString(roles[parts[1]].RoleName); f.State != bad || !strings.Contains(f.Do, "policy of the role "+role+" again") {
			t.Errorf("%+v", f)
		}
		for action := range strings.SplitSeq(parts[2], ", ") {
			got[parts[1]+" "+action+" "+parts[3]] = true
		}
	}
	want := map[string]bool{}
	for label, may := range map[string][]contract.Permission{
		"router": contract.RouterMay, "dispatcher": contract.DispatcherMay, "processor": contract.ProcessorMay, "reports": contract.ProcessorMay,
		"reconciler": contract.ReconcilerMay, "authorizer": nil,
	} {
		for _, p := range slices.Concat(may, contract.EachMay, contract.TracedMay) {
			for _, action := range p.Actions {
				want[fmt.Sprintf("%s %s %s", label, action, p.On)] = true
			}
		}
	}
	for _, p := range contract.TracedMay { // which has no spans of its own
		for _, action := range p.Actions {
			delete(want, fmt.Sprintf("authorizer %s %s", action, p.On))
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("missed are\n%s\nwant\n%s", strings.Join(slices.Sorted(maps.Keys(got)), "\n"), strings.Join(slices.Sorted(maps.Keys(want)), "\n"))
	}

	router := roles["router"]
	put(router, strings.Replace(whole["router"], `[`, `[{"Effect":"Deny","Action":"s3:Get*","Resource":"*"},`, 1)) // its statements are the first list
	forbidden := s.examined("permissions")
	restore()
	if i := slices.IndexFunc(forbidden, func(f finding) bool {
		return strings.HasPrefix(f.Says, "the router may not s3:GetObject on arn:aws:s3:::")
	}); i < 0 || !strings.Contains(forbidden[i].Do, "denies it: take that out") {
		t.Errorf("a denial is told as %+v", forbidden)
	}
	if back := s.examined("permissions"); back[0].State != fine || !strings.HasPrefix(back[0].Says, "6 functions may do all ") {
		t.Errorf("with all grants: %+v", back)
	}
}

// A table that somebody brought is compared with what is needed.
func TestDoctorLooksAtABroughtTable(t *testing.T) {
	s := stage(t)
	cfg := s.config()
	client, name := dynamodb.NewFromConfig(cfg), s.tenant
	text := func(names ...string) (all []types.AttributeDefinition) {
		for _, n := range names {
			all = append(all, types.AttributeDefinition{AttributeName: aws.String(n), AttributeType: types.ScalarAttributeTypeS})
		}
		return all
	}
	hash := func(n string) []types.KeySchemaElement {
		return []types.KeySchemaElement{{AttributeName: aws.String(n), KeyType: types.KeyTypeHash}}
	}
	if _, err := client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest, AttributeDefinitions: text(contract.PK, contract.UserKey), KeySchema: hash(contract.PK),
		StreamSpecification: &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeKeysOnly},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(contract.IndexByUser), KeySchema: hash(contract.UserKey), Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: &name}); err != nil {
			t.Error(err)
		}
	})

	s.brings(contract.OutputRequestsTable, name)
	var says []string
	for _, f := range s.examined("tables") {
		if f.State == bad {
			says = append(says, f.Says)
		}
	}
	for _, want := range []string{
		"has another key than pk and sk", "has a stream of KEYS_ONLY: give it NEW_IMAGE", "has no index by_tenant over tenant_day and created_at, with [action ",
		"has no index by_user over user_key and created_at", "has no index open over open_shard and created_at",
	} {
		if !slices.ContainsFunc(says, func(said string) bool { return strings.HasPrefix(said, "the table of requests "+want) }) {
			t.Errorf("nothing says that it %s", want)
		}
	}
	if len(says) != 5 {
		t.Errorf("says %q", says)
	}
}

// brings has the rest of the test look at a stage with another output.
func (s *onStage) brings(output, name string) {
	s.Helper()
	stack := s.stack()
	stack.Values[output] = name
	other, err := json.Marshal(map[string]map[string]string{stack.Name: stack.Values})
	if err != nil {
		s.Fatal(err)
	}
	file := filepath.Join(s.TempDir(), "outputs.json")
	if err := os.WriteFile(file, other, 0o600); err != nil {
		s.Fatal(err)
	}
	s.Setenv(outputs.Variable, file)
}

// So is a bucket: by what it is told to forget.
func TestDoctorLooksAtABroughtBucket(t *testing.T) {
	s := stage(t)
	cfg := s.config()
	client, name := s3.NewFromConfig(cfg), s.tenant
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := client.DeleteBucket(context.WithoutCancel(t.Context()), &s3.DeleteBucketInput{Bucket: &name}); err != nil {
			t.Error(err)
		}
	})
	s.brings(contract.OutputFilesBucket, name)
	says := func(want string) {
		t.Helper()
		if found := s.examined("files"); len(found) != 1 || found[0].Says != want {
			t.Errorf("says %+v, want %s", found, want)
		}
	}
	says("files do not expire: the local stage has no expiry")
	for prefix, want := range map[string]string{"t/reports/": "files do not expire: the local stage has no expiry", "t/": "files expire", "": "files expire"} {
		if _, err := client.PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{Bucket: &name, LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{
			Rules: []s3types.LifecycleRule{{
				Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: &prefix}, Expiration: &s3types.LifecycleExpiration{Days: aws.Int32(30)},
			}},
		}}); err != nil {
			t.Fatal(err)
		}
		says(want)
	}
}

// An alarm that somebody silenced is named with what makes it heard again.
func TestDoctorFindsASilencedAlarm(t *testing.T) {
	s := stage(t)
	cfg, stack := s.config(), s.stack()
	alarms, err := resources.Of(t.Context(), cfg, stack.Name, "AWS::CloudWatch::Alarm")
	if err != nil || len(alarms) == 0 {
		t.Fatal(err, alarms)
	}
	client, name := cloudwatch.NewFromConfig(cfg), alarms[0].ID
	if _, err := client.DisableAlarmActions(t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: []string{name}}); err != nil {
		t.Fatal(err)
	}
	enable := func() {
		if _, err := client.EnableAlarmActions(context.WithoutCancel(t.Context()), &cloudwatch.EnableAlarmActionsInput{AlarmNames: []string{name}}); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(enable)
	silenced := s.examined("alarms")
	enable()
	is := func(f finding) bool { return strings.HasSuffix(f.Do, "enable-alarm-actions --alarm-names "+name) }
	if !slices.ContainsFunc(silenced, is) {
		t.Errorf("found %+v", silenced)
	}
	if now := s.examined("alarms"); slices.ContainsFunc(now, is) {
		t.Errorf("found %+v", now)
	}
}
