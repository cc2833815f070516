package constructs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/pay-theory/streamer/constructs"
)

// releaseAs writes what the test below compares with. It is for a release alone: a change
// that fails the test would replace a table of everybody who deployed the release before.
var releaseAs = flag.String("release", "", "write the lasting resources of this version")

// released is what the last release deployed that has to last, of each stage that goes into
// an account: its resources by their logical ids.
type released struct {
	Version string             `json:"version"`
	Stages  map[string]lasting `json:"stages"`
}

type lasting map[string]facts

// facts are what cannot change of a resource without another one taking its place, or what
// something else stands on. "type" is among them.
type facts map[string]string

const releasedFile = "../infra/testdata/released.json"

// A deployment of this version keeps the tables, the bucket and the address of the last
// release.
func TestReleasedResourcesStay(t *testing.T) {
	now := map[string]lasting{}
	for _, stage := range []string{"dev", "prod", "release"} {
		now[stage] = lastingOf(t, deployable(t, stage, true))
		if bare := lastingOf(t, deployable(t, stage, false)); fmt.Sprint(bare) != fmt.Sprint(now[stage]) {
			t.Errorf("%s: without feature flags it is %v", stage, bare)
		}
	}
	if *releaseAs != "" {
		text, err := json.MarshalIndent(released{*releaseAs, now}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(releasedFile, append(text, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	before := lastRelease(t)
	if !slices.Equal(slices.Sorted(maps.Keys(before.Stages)), slices.Sorted(maps.Keys(now))) {
		t.Fatalf("%s has the stages %v", releasedFile, slices.Sorted(maps.Keys(before.Stages)))
	}
	for stage, resources := range before.Stages {
		for _, violation := range resources.violations(now[stage]) {
			t.Errorf("stage %s, since version %s: %s", stage, before.Version, violation)
		}
	}
}

func lastRelease(t *testing.T) (r released) {
	t.Helper()
	text, err := os.ReadFile(releasedFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// replacing are the properties whose change makes CloudFormation replace a resource of a
// type that has to last ("Update requires: Replacement" in the template reference): a table
// or a bucket loses what it holds, an API or a stage the address that clients know.
var replacing = map[string][]string{
	"AWS::DynamoDB::GlobalTable": {"GlobalTableSourceArn", "KeySchema", "LocalSecondaryIndexes", "TableName"},
	"AWS::S3::Bucket":            {"BucketName", "BucketNamePrefix", "BucketNamespace", "ObjectLockEnabled"},
	"AWS::ApiGatewayV2::Api":     {"ProtocolType"},
	"AWS::ApiGatewayV2::Stage":   {"ApiId", "StageName"},
}

// resourceText is a resource of a template as it is written there.
type resourceText struct {
	Type                string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Properties          map[string]json.RawMessage
}

// lastingOf are the resources of a stack that have to last.
func lastingOf(t *testing.T, stack awscdk.Stack) lasting {
	t.Helper()
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	return lastingIn(t, text)
}

func lastingIn(t *testing.T, template []byte) lasting {
	t.Helper()
	var whole struct{ Resources map[string]resourceText }
	if err := json.Unmarshal(template, &whole); err != nil {
		t.Fatal(err)
	}
	all := lasting{}
	for id, r := range whole.Resources {
		if replacing[r.Type] != nil {
			all[id] = r.facts(t)
		}
	}
	return all
}

func (r resourceText) facts(t *testing.T) facts {
	t.Helper()
	f := facts{"type": r.Type, "on deletion": r.DeletionPolicy, "on replacement": r.UpdateReplacePolicy}
	for _, property := range replacing[r.Type] {
		if value, set := r.Properties[property]; set {
			f[property] = string(value)
		}
	}
	if r.Type != "AWS::DynamoDB::GlobalTable" {
		return f
	}
	// A stream with another view is another stream, which the running dispatcher does not
	// read; DynamoDB takes another attribute as the time to live only after an hour without
	// any; and an index keeps its keys and its projection as long as it is.
	f["stream"] = string(r.Properties["StreamSpecification"])
	var ttl struct{ AttributeName string }
	var attributes []struct{ AttributeName, AttributeType string }
	var indexes []struct {
		IndexName             string
		KeySchema, Projection json.RawMessage
	}
	for property, into := range map[string]any{"TimeToLiveSpecification": &ttl, "AttributeDefinitions": &attributes, "GlobalSecondaryIndexes": &indexes} {
		if value, set := r.Properties[property]; set {
			if err := json.Unmarshal(value, into); err != nil {
				t.Fatal(err)
			}
		}
	}
	f["time to live"] = ttl.AttributeName
	for _, a := range attributes {
		f["attribute "+a.AttributeName] = a.AttributeType
	}
	for _, i := range indexes {
		f["index "+i.IndexName] = string(i.KeySchema) + " " + string(i.Projection)
	}
	return f
}

// violations tells what a deployment of now would replace, remove or break.
func (before lasting) violations(now lasting) (all []string) {
	for _, id := range slices.Sorted(maps.Keys(before)) {
		was := before[id]
		is, there := now[id]
		if !there {
			all = append(all, fmt.Sprintf("%s (%s) would leave the stack, and another may take its place", id, was["type"]))
			continue
		}
		indexes := 0
		for _, name := range slices.Sorted(maps.Keys(is)) {
			_, known := was[name]
			switch {
			case known && is[name] != was[name]:
				all = append(all, fmt.Sprintf("%s: %s was %s and would be %s", id, name, was[name], is[name]))
			case known, strings.HasPrefix(name, "attribute "):
			case strings.HasPrefix(name, "index "):
				indexes++
			default:
				all = append(all, fmt.Sprintf("%s: %s was not set and would be %s", id, name, is[name]))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(was)) {
			if _, still := is[name]; !still {
				all = append(all, fmt.Sprintf("%s: %s was %s and would be gone", id, name, was[name]))
			}
		}
		if indexes > 1 {
			all = append(all, fmt.Sprintf("%s: %d indexes would be made at once: a table takes one in a deployment", id, indexes))
		}
	}
	return all
}

// Each change that would replace a resource is found when it is planted, and those that
// CloudFormation makes in place are not held up.
func TestReplacementsAreFound(t *testing.T) {
	stack := deployable(t, "prod", true)
	text, err := json.Marshal(assertions.Template_FromStack(stack, nil).ToJSON())
	if err != nil {
		t.Fatal(err)
	}
	before := lastingIn(t, text)
	const requests, files, api, stage = "StreamerRequestsB53A94EA", "StreamerFiles2A8E488A", "StreamerApiD28D2188", "StreamerStage8BD82E98"
	index := func(name string) map[string]any {
		return map[string]any{"IndexName": name, "KeySchema": []any{map[string]any{"AttributeName": "pk", "KeyType": "HASH"}}, "Projection": map[string]any{"ProjectionType": "ALL"}}
	}
	for _, c := range []struct {
		name   string
		change func(resources map[string]any, properties func(id string) map[string]any)
		want   string // "" for a change that is none of these
	}{
		{"nothing", func(map[string]any, func(string) map[string]any) {}, ""},
		{"another logical id", func(r map[string]any, _ func(string) map[string]any) {
			r["StreamerRequests0"] = r[requests]
			delete(r, requests)
		}, requests + " (AWS::DynamoDB::GlobalTable) would leave the stack"},
		{"a bucket less", func(r map[string]any, _ func(string) map[string]any) { delete(r, files) }, files + " (AWS::S3::Bucket) would leave"},
		{"another type", func(r map[string]any, _ func(string) map[string]any) {
			r[requests].(map[string]any)["Type"] = "AWS::DynamoDB::Table"
		}, requests + " (AWS::DynamoDB::GlobalTable) would leave"},
		{"not kept", func(r map[string]any, _ func(string) map[string]any) {
			r[requests].(map[string]any)["DeletionPolicy"] = "Delete"
		}, "on deletion was Retain and would be Delete"},
		{"not kept when replaced", func(r map[string]any, _ func(string) map[string]any) {
			delete(r[files].(map[string]any), "UpdateReplacePolicy")
		}, "on replacement was Retain and would be "},
		{"a name", func(_ map[string]any, p func(string) map[string]any) { p(requests)["TableName"] = "requests" }, "TableName was not set"},
		{"another key", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["KeySchema"].([]any)[1].(map[string]any)["AttributeName"] = "created_at"
		}, "KeySchema was "},
		{"a key of another type", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["AttributeDefinitions"].([]any)[0].(map[string]any)["AttributeType"] = "B"
		}, "attribute pk was S and would be B"},
		{"a local index", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["LocalSecondaryIndexes"] = []any{index("local")}
		}, "LocalSecondaryIndexes was not set"},
		{"an index less", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["GlobalSecondaryIndexes"] = p(requests)["GlobalSecondaryIndexes"].([]any)[1:]
		}, "index by_tenant was "},
		{"an index that changes", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["GlobalSecondaryIndexes"].([]any)[1].(map[string]any)["Projection"] = map[string]any{"ProjectionType": "ALL"}
		}, "index by_user was "},
		{"two indexes more", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["GlobalSecondaryIndexes"] = append(p(requests)["GlobalSecondaryIndexes"].([]any), index("one"), index("two"))
		}, "2 indexes would be made at once"},
		{"another view of the stream", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["StreamSpecification"] = map[string]any{"StreamViewType": "KEYS_ONLY"}
		}, "stream was "},
		{"another time to live", func(_ map[string]any, p func(string) map[string]any) {
			p(requests)["TimeToLiveSpecification"].(map[string]any)["AttributeName"] = "ends"
		}, "time to live was ttl and would be ends"},
		{"a bucket's name", func(_ map[string]any, p func(string) map[string]any) { p(files)["BucketName"] = "files" }, "BucketName was not set"},
		{"a bucket's lock", func(_ map[string]any, p func(string) map[string]any) { p(files)["ObjectLockEnabled"] = true }, "ObjectLockEnabled was not set"},
		{"another protocol", func(_ map[string]any, p func(string) map[string]any) { p(api)["ProtocolType"] = "HTTP" }, "ProtocolType was "},
		{"another stage", func(_ map[string]any, p func(string) map[string]any) { p(stage)["StageName"] = "v2" }, "StageName was "},
		{"what changes in place", func(r map[string]any, p func(string) map[string]any) {
			p(requests)["GlobalSecondaryIndexes"] = append(p(requests)["GlobalSecondaryIndexes"].([]any), index("one"))
			p(requests)["AttributeDefinitions"] = append(p(requests)["AttributeDefinitions"].([]any), map[string]any{"AttributeName": "new", "AttributeType": "S"})
			p(requests)["SSESpecification"] = map[string]any{"SSEEnabled": true, "SSEType": "KMS"}
			p(files)["LifecycleConfiguration"] = nil
			p(stage)["DefaultRouteSettings"] = nil
			r["MoreOfThem"] = r[files]
		}, ""},
	} {
		var changed map[string]any
		if err := json.Unmarshal(text, &changed); err != nil {
			t.Fatal(err)
		}
		resources := changed["Resources"].(map[string]any)
		c.change(resources, func(id string) map[string]any { return resources[id].(map[string]any)["Properties"].(map[string]any) })
		after, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		found := strings.Join(before.violations(lastingIn(t, after)), "\n")
		if c.want == "" && found != "" || !strings.Contains(found, c.want) {
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
	}
	// The same in Go: a construct that moves within its stack takes its tables along.
	moved := awscdk.NewStack(newApp(t, nil), stack.StackName(), nil)
	constructs.NewStreamer(moved, "Renamed", nil)
	if found := before.violations(lastingOf(t, moved)); len(found) != len(before) {
		t.Errorf("a construct with another id: found %q", found)
	}
}

// The properties above are those that AWS's own schemas of the resources name, which
// cfn-lint has. (ObjectLockEnabled may be set later in the newest of them, but never taken
// away.)
func TestReplacingPropertiesAreComplete(t *testing.T) {
	files, err := filepath.Glob("../.stage/lint/lib/python*/site-packages/cfnlint/data/schemas/resources/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no cfn-lint: make .stage/lint")
		}
		t.Skip("needs cfn-lint: make .stage/lint")
	}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			TypeName    string   `json:"typeName"`
			Always      []string `json:"createOnlyProperties"`
			Conditional []string `json:"conditionalCreateOnlyProperties"`
		}
		if json.Unmarshal(text, &schema) != nil || replacing[schema.TypeName] == nil {
			continue // another kind of file, or of resource
		}
		seen[schema.TypeName] = true
		for _, path := range slices.Concat(schema.Always, schema.Conditional) {
			if property := strings.TrimPrefix(path, "/properties/"); !slices.Contains(replacing[schema.TypeName], property) {
				t.Errorf("%s: a change of %s replaces it, and nothing looks at that", schema.TypeName, property)
			}
		}
	}
	for resourceType := range replacing {
		if !seen[resourceType] {
			t.Errorf("cfn-lint has no schema of %s", resourceType)
		}
	}
}
