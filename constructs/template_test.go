package constructs_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// All tests of the infrastructure are in this one binary: each such binary links the
// AWS CDK and starts a kernel. The kernel is not made for concurrent use, so no test
// here is parallel.
func TestMain(m *testing.M) {
	if os.Getenv(inner) != "" {
		os.Exit(m.Run()) // without jsii.Close, which races with the end of the kernel
	}
	os.Exit(runInner())
}

const inner = "STREAMER_TEST_INNER"

// runInner runs this binary again, with a directory for what kernel and CDK leave
// behind. The kernel reads its environment before TestMain can change it.
func runInner() int {
	defer jsii.Close() // ours was never started
	dir, err := os.MkdirTemp("", "cdk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	tests := exec.Command(os.Args[0], os.Args[1:]...)
	tests.Stdin, tests.Stdout, tests.Stderr = os.Stdin, os.Stdout, os.Stderr
	tests.Env = append(os.Environ(), inner+"=1", "TMPDIR="+dir,
		"JSII_DEPRECATED=quiet") // what the CDK's own tables do inside is not ours
	if err := tests.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// localContext is the value of contract.ContextLocal in tests.
const localContext = `{"endpoint":"http://127.0.0.1:4566","issuer":"local","audience":"streamer","jwks_url":"http://127.0.0.1:4566/_front/jwks"}`

// auth is a valid AuthProps.
func auth() *constructs.AuthProps {
	return &constructs.AuthProps{
		Issuer: "https://id.example.com/", Audiences: []string{"streamer"},
		JWKS: `{ "keys": [ { "kty": "EC", "kid": "one" } ] }`,
	}
}

// newApp is an app with the feature flags of cdk.json, in which nothing is built.
func newApp(t *testing.T, context map[string]any) awscdk.App {
	t.Helper()
	file, err := os.ReadFile("../cdk.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(file, &config); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	maps.Copy(all, config.Context)
	maps.Copy(all, context)
	return newBareApp(all)
}

func newBareApp(context map[string]any) awscdk.App {
	all := map[string]any{"aws:cdk:bundling-stacks": []string{}}
	maps.Copy(all, context)
	return awscdk.NewApp(&awscdk.AppProps{Context: &all, AnalyticsReporting: jsii.Bool(false)})
}

// synth is the template of a stack "Test" that holds one Streamer. The one of a Streamer
// that says nothing is made once.
func synth(t *testing.T, context map[string]any, props *constructs.StreamerProps) template {
	t.Helper()
	if context == nil && props == nil {
		if plain == nil {
			plain = awscdk.NewStack(newApp(t, nil), jsii.String("Test"), nil)
			constructs.NewStreamer(plain, "Streamer", nil)
		}
		return templateOf(t, plain)
	}
	return synthStack(t, context, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", props)
	})
}

var plain awscdk.Stack

// synthStack is the template of a stack "Test" that fill has filled.
func synthStack(t *testing.T, context map[string]any, fill func(awscdk.Stack)) template {
	t.Helper()
	stack := awscdk.NewStack(newApp(t, context), jsii.String("Test"), nil)
	if failure := panicOf(func() { fill(stack) }); failure != "" {
		t.Fatal(failure)
	}
	return templateOf(t, stack)
}

// panicOf is what f panics with, "" if it does not.
func panicOf(f func()) (message string) {
	defer func() {
		if cause := recover(); cause != nil {
			message = fmt.Sprint(cause)
		}
	}()
	f()
	return ""
}

// template is a rendered stack: references are text such as ${Requests.Arn}, and
// logical ids are free of the stack's part and of their hash.
type template struct {
	Parameters map[string]map[string]any
	Resources  map[string]resource
	Outputs    map[string]struct{ Value any }
}

type resource struct {
	Type           string
	Properties     any
	DeletionPolicy string
	DependsOn      []string
}

func templateOf(t *testing.T, stack awscdk.Stack) template {
	t.Helper()
	var whole any
	if failure := panicOf(func() { whole = *assertions.Template_FromStack(stack, nil).ToJSON() }); failure != "" {
		t.Fatal(failure)
	}
	encoded, err := json.Marshal(render(whole))
	if err != nil {
		t.Fatal(err)
	}
	var out template
	if err := json.Unmarshal(encoded, &out); err != nil {
		t.Fatal(err)
	}
	out.Resources = byName(out.Resources)
	return out
}

var hash = regexp.MustCompile(`[0-9A-F]{8}([0-9a-f]{32})?$`) // the latter of a version, of what its function is

func name(logicalID string) string {
	return strings.TrimPrefix(hash.ReplaceAllString(logicalID, ""), "Streamer")
}

func byName(resources map[string]resource) map[string]resource {
	out := map[string]resource{}
	for id, r := range resources {
		out[name(id)] = r
	}
	return out
}

// render replaces CloudFormation's functions by text.
func render(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if len(v) == 1 {
			if ref, ok := v["Ref"].(string); ok {
				return "${" + name(ref) + "}"
			}
			if attribute, ok := v["Fn::GetAtt"].([]any); ok {
				return fmt.Sprintf("${%s.%s}", name(attribute[0].(string)), attribute[1])
			}
			if join, ok := v["Fn::Join"].([]any); ok && join[0] == "" && isList(join[1]) {
				var text strings.Builder
				for _, part := range join[1].([]any) {
					fmt.Fprint(&text, render(part))
				}
				return text.String()
			}
			if chosen, ok := v["Fn::Select"].([]any); ok { // a part of an ARN
				if split, ok := render(chosen[1]).(map[string]any)["Fn::Split"].([]any); ok && split[0] == ":" {
					return fmt.Sprintf("%s[%v]", split[1], chosen[0])
				}
			}
		}
		out := map[string]any{}
		for key, inner := range v {
			out[key] = render(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = render(inner)
		}
		return out
	}
	return value
}

// isList tells a list from a parameter that is one.
func isList(value any) bool {
	_, is := value.([]any)
	return is
}

// check compares properties of the resource called name with what is wanted. A want
// is a JSON value; the path goes through objects by key and through arrays by number.
func (tpl template) check(t *testing.T, name string, want map[string]string) {
	t.Helper()
	r, found := tpl.Resources[name]
	if !found {
		t.Errorf("there is no %s, but %v", name, slices.Sorted(maps.Keys(tpl.Resources)))
		return
	}
	for path, value := range want {
		if got := jsonOf(t, at(r.Properties, path)); got != value {
			t.Errorf("%s.%s\n got %s\nwant %s", name, path, got, value)
		}
	}
}

// at finds the value at path, nil if there is none.
func at(value any, path string) any {
	for _, step := range strings.Split(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(v) {
				return nil
			}
			value = v[i]
		default:
			return nil
		}
	}
	return value
}

func jsonOf(t *testing.T, value any) string {
	t.Helper()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(out.String())
}

// ofType lists the names of the resources of a type.
func (tpl template) ofType(resourceType string) []string {
	var names []string
	for name, r := range tpl.Resources {
		if r.Type == resourceType {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
