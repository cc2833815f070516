package constructs_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

const startCheck = "Custom::StreamerStart"

// CloudFormation asks each function that is ours, with what it is made of, whatever is added
// to it later; and never when it goes.
func TestStartChecks(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Workers: []constructs.WorkerProps{{Name: "images", Actions: []string{"resize"}}},
		})
		s.Router.AddEnvironment(jsii.String("LATER"), jsii.String("1"), nil)
	})
	checks := tpl.ofType(startCheck)
	if len(checks) != 6 || len(tpl.ofType("AWS::Lambda::Function")) != 6 {
		t.Errorf("checks %v", checks)
	}
	for _, name := range checks {
		function := strings.TrimSuffix(name, "Start") + "Function"
		tpl.check(t, name, map[string]string{
			"ServiceToken": `"${` + function + `.Arn}"`, "ServiceTimeout": `"180"`, "Probes": `null`,
			"Settings.Environment.variables": jsonOf(t, at(tpl.Resources[function].Properties, "Environment.Variables")),
			"Settings.Role":                  jsonOf(t, at(tpl.Resources[function].Properties, "Role")),
			"Code.s3Key":                     jsonOf(t, at(tpl.Resources[function].Properties, "Code.S3Key")),
		})
		if policy := tpl.Resources[name].DeletionPolicy; policy != "Retain" {
			t.Errorf("%s: deletion policy %s", name, policy)
		}
	}
	tpl.check(t, "RouterStart", map[string]string{"Settings.Environment.variables.LATER": `"1"`})

	mine := synthStack(t, nil, func(stack awscdk.Stack) {
		constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
			Storage: existing(stack), Auth: &constructs.AuthProps{Authorizer: awslambda.Function_FromFunctionName(stack, jsii.String("Mine"), jsii.String("mine"))},
		})
	})
	if checks := mine.ofType(startCheck); len(checks) != 4 {
		t.Errorf("with an authorizer of one's own: checks %v", checks)
	}
	for _, name := range mine.ofType(startCheck) {
		mine.check(t, name, map[string]string{"Probes": `"storage"`})
	}
}

// Each function of ours is invoked by its alias, which moves to a version that is published
// when its check has answered.
func TestAliases(t *testing.T) {
	props := &constructs.StreamerProps{Workers: []constructs.WorkerProps{{Name: "images", Actions: []string{"resize"}}}}
	tpl := synth(t, nil, props)
	for _, alias := range tpl.ofType("AWS::Lambda::Alias") {
		function := strings.TrimSuffix(alias, "Alias")
		tpl.check(t, alias, map[string]string{
			"Name": `"live"`, "FunctionName": `"${` + function + `Function}"`, "FunctionVersion": `"${` + function + `FunctionCurrentVersion.Version}"`,
		})
		tpl.check(t, function+"FunctionCurrentVersion", map[string]string{"Description": `"${` + function + `Start.Digest}"`})
	}
	if aliases, functions := tpl.ofType("AWS::Lambda::Alias"), tpl.ofType("AWS::Lambda::Function"); len(aliases) != len(functions) {
		t.Errorf("aliases %v of functions %v", aliases, functions)
	}
	for _, route := range []string{"connect", "disconnect", "default"} {
		integration := "Api" + route + "RouteIntegration"
		if !slices.ContainsFunc(tpl.Resources[integration].DependsOn, func(id string) bool { return name(id) == integration+"Permission" }) {
			t.Errorf("%s may come before what permits it", integration)
		}
	}

	props.UncheckedStart = true
	unchecked := synthStack(t, nil, func(stack awscdk.Stack) {
		if s := constructs.NewStreamer(stack, "Streamer", props); len(s.StartChecks) != 0 || s.Workers["images"].StartCheck != nil {
			t.Errorf("unchecked: %v, %v", s.StartChecks, s.Workers["images"].StartCheck)
		}
	})
	for _, alias := range unchecked.ofType("AWS::Lambda::Alias") {
		unchecked.check(t, alias, map[string]string{"FunctionVersion": `"$LATEST"`})
	}
	if n := len(unchecked.ofType("AWS::Lambda::Alias")); n != 6 {
		t.Errorf("unchecked: %d aliases", n)
	}
	for _, none := range []string{startCheck, "AWS::Lambda::Version"} {
		if found := unchecked.ofType(none); len(found) != 0 {
			t.Errorf("unchecked: %v", found)
		}
	}
}

// What a parameter of the release sets of a function, its check knows too: another value of it
// is no other template.
func TestChecksOfTheReleaseKnowParameters(t *testing.T) {
	tpl := templateOf(t, deployable(t, "release", true))
	known := 0
	for _, name := range tpl.ofType("AWS::Lambda::Function") {
		for property, value := range tpl.Resources[name].Properties.(map[string]any) {
			text := jsonOf(t, value)
			if property == "Environment" || property == "Code" || !strings.Contains(text, "Fn::If") && !slices.ContainsFunc(slices.Collect(maps.Keys(tpl.Parameters)), func(p string) bool { return strings.Contains(text, "${"+p+"}") }) {
				continue
			}
			known++
			tpl.check(t, strings.TrimSuffix(name, "Function")+"Start", map[string]string{"Settings." + property: text})
		}
	}
	if known != 11 { // the memory of one, the network and the key of five
		t.Errorf("parameters set %d properties", known)
	}
}

// Whatever is changed in a function, by whatever way, is a version of it, of which it is asked.
func TestEachChangeIsAVersion(t *testing.T) {
	versionsOf := func(change func(*constructs.StreamerConstruct)) map[string]any {
		tpl := synthStack(t, nil, func(stack awscdk.Stack) { change(constructs.NewStreamer(stack, "Streamer", nil)) })
		versions := map[string]any{}
		for _, name := range tpl.ofType(startCheck) {
			versions[name] = at(tpl.Resources[name].Properties, "Version")
		}
		return versions
	}
	router := func(s *constructs.StreamerConstruct) awslambda.CfnFunction {
		return s.Router.Node().DefaultChild().(awslambda.CfnFunction)
	}
	before := versionsOf(func(*constructs.StreamerConstruct) {})
	for what, change := range map[string]func(*constructs.StreamerConstruct){
		"a setter": func(s *constructs.StreamerConstruct) { router(s).SetMemorySize(jsii.Number(512)) },
		"an override": func(s *constructs.StreamerConstruct) {
			router(s).AddPropertyOverride(jsii.String("EphemeralStorage.Size"), 1024)
		},
		"a variable": func(s *constructs.StreamerConstruct) {
			s.Router.AddEnvironment(jsii.String("A"), jsii.String("1"), nil)
		},
	} {
		after := versionsOf(change)
		if before["RouterStart"] == after["RouterStart"] {
			t.Errorf("%s makes no version", what)
		}
		delete(after, "RouterStart")
		for name, version := range after {
			if version != before[name] {
				t.Errorf("%s makes a version of %s", what, name)
			}
		}
	}
	// What is no part of a version makes none.
	if after := versionsOf(func(s *constructs.StreamerConstruct) {
		awscdk.Tags_Of(s).Add(jsii.String("commit"), jsii.String("1"), nil)
	}); !maps.Equal(before, after) {
		t.Errorf("tags make versions: %v, before %v", after, before)
	}
}
