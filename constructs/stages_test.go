package constructs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/infra/stages"
	"github.com/pay-theory/streamer/internal/contract"
)

func noEnvironment(string) string { return "" }

func TestStages(t *testing.T) {
	for name, want := range map[string]struct {
		concurrency, reports      string
		retention, others, clocks string // others are logs without audit records
		policy                    string
		termination               bool
	}{
		"local": {`100`, `20`, `1`, `1`, `"{\"lease\":6000,\"visibility\":12000,\"pulse\":1000,\"pulse_idle\":2000,\"progress\":250}"`, "Delete", false},
		"dev":   {`10`, `2`, `7`, `7`, `null`, "Delete", false},
		"prod":  {`500`, `50`, `365`, `90`, `null`, "Retain", true},
	} {
		context := map[string]any{"stage": name, "alarmTopic": "arn:aws:sns:eu-west-1:111122223333:operators"}
		if name == "local" {
			context[contract.ContextLocal] = localContext
		}
		stack, err := stages.Add(newApp(t, context), noEnvironment)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := *stack.StackName(); got != "Streamer-"+name {
			t.Errorf("%s: stack %s", name, got)
		}
		if got := *stack.TerminationProtection(); got != want.termination {
			t.Errorf("%s: termination protection %v", name, got)
		}
		tpl := templateOf(t, stack)
		tpl.check(t, "WorkersreportsProcessorSource", map[string]string{"ScalingConfig.MaximumConcurrency": want.reports})
		tpl.check(t, "WorkersreportsProcessorFunction", map[string]string{"MemorySize": `2048`, "Environment.Variables.STREAMER_CLOCKS": want.clocks})
		tpl.check(t, "ProcessorSource", map[string]string{"ScalingConfig.MaximumConcurrency": want.concurrency})
		tpl.check(t, "DeadLettersAlarm", map[string]string{"AlarmActions": `["arn:aws:sns:eu-west-1:111122223333:operators"]`})
		tpl.check(t, "DispatcherLogs", map[string]string{"RetentionInDays": want.others})
		tpl.check(t, "RouterLogs", map[string]string{"RetentionInDays": want.retention})
		tpl.check(t, "ProcessorFunction", map[string]string{"Environment.Variables.STREAMER_CLOCKS": want.clocks})
		if got := tpl.Resources["Requests"].DeletionPolicy; got != want.policy {
			t.Errorf("%s: deletion policy %s", name, got)
		}
		for _, key := range []string{
			contract.OutputWebSocketURL, contract.OutputCallbackURL, contract.OutputConnectionsTable, contract.OutputRequestsTable,
			contract.OutputFilesBucket, contract.OutputWorkQueueURL, contract.OutputDeadLetterURL, contract.OutputDashboardName,
			contract.OutputWorkers,
		} {
			if tpl.Outputs[key].Value == nil {
				t.Errorf("%s: no output %s", name, key)
			}
		}
		if tag := (*stack.Tags().TagValues())["demo-data"]; (tag != nil) == (name == "prod") {
			t.Errorf("%s: demo data is allowed: %v", name, tag != nil)
		}
		if tags := *stack.Tags().TagValues(); *tags["application"] != "streamer" || *tags["stage"] != name {
			t.Errorf("%s: tags %v", name, tags)
		}
	}
}

func TestStageByDefault(t *testing.T) {
	for want, context := range map[string]any{"Streamer-dev": nil, "Streamer-local": localContext} {
		stack, err := stages.Add(newApp(t, map[string]any{contract.ContextLocal: context}), noEnvironment)
		if err != nil || *stack.StackName() != want {
			t.Errorf("got %v, %v", stack, err)
		}
	}
}

func TestTracesOfAStage(t *testing.T) {
	for setting, want := range map[string]struct{ tracing, mode string }{
		"": {`"{}"`, `"Active"`}, "2.5": {`"{\"percent\":2.5}"`, `"Active"`}, "10%": {`"{\"percent\":10}"`, `"Active"`}, "off": {`null`, `null`},
	} {
		stack, err := stages.Add(newApp(t, map[string]any{"traces": setting}), noEnvironment)
		if err != nil {
			t.Fatal(err)
		}
		templateOf(t, stack).check(t, "RouterFunction", map[string]string{"Environment.Variables.STREAMER_TRACING": want.tracing, "TracingConfig.Mode": want.mode})
	}
	variable := func(name string) string { return map[string]string{"STREAMER_TRACES": "many"}[name] }
	if _, err := stages.Add(newApp(t, nil), variable); err == nil || err.Error() != `stage dev: traces is "many": give a percentage, or off` {
		t.Errorf("got %v", err)
	}
}

// A setting of cdk.json that is no text would be as if it were not there: web origins in a list
// let the pages of all connect.
func TestSettingsAreText(t *testing.T) {
	for setting, value := range map[string]any{"webOrigins": []any{"https://app.example.com"}, "traces": 5, "stage": true} {
		_, err := stages.Add(newApp(t, map[string]any{setting: value}), noEnvironment)
		if err == nil || !strings.Contains(err.Error(), "context "+setting+" is ") || !strings.Contains(err.Error(), "give text") {
			t.Errorf("%s: got %v", setting, err)
		}
	}
}

func TestStageThatDoesNotExist(t *testing.T) {
	_, err := stages.Add(newApp(t, map[string]any{"stage": "qa"}), noEnvironment)
	if err == nil || err.Error() != `there is no stage "qa": choose one of dev, local, prod with -c stage=…` {
		t.Errorf("got %v", err)
	}
}

func TestLocalStageIsNotDeployedToAnAccount(t *testing.T) {
	for stage, context := range map[string]any{"local": nil, "dev": localContext} {
		_, err := stages.Add(newApp(t, map[string]any{"stage": stage, contract.ContextLocal: context}), noEnvironment)
		if err == nil || !strings.Contains(err.Error(), `the stage local goes with the context streamer:local`) {
			t.Errorf("%s: got %v", stage, err)
		}
	}
}

func TestStageAuth(t *testing.T) {
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, []byte(auth().JWKS), 0o600); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Environment.Variables.STREAMER_AUTH": `"{\"issuer\":\"i\",\"audiences\":[\"a\"],\"jwks\":{\"keys\":[{\"kty\":\"EC\",\"kid\":\"one\"}]}}"`,
	}
	stack, err := stages.Add(newApp(t, map[string]any{"issuer": "i", "audience": "a", "jwksFile": file}), noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	templateOf(t, stack).check(t, "AuthorizerFunction", want)

	environment := map[string]string{"STREAMER_ISSUER": "i", "STREAMER_AUDIENCE": "a", "STREAMER_JWKS_FILE": file}
	stack, err = stages.Add(newApp(t, nil), func(name string) string { return environment[name] })
	if err != nil {
		t.Fatal(err)
	}
	templateOf(t, stack).check(t, "AuthorizerFunction", want)

	stack, err = stages.Add(newApp(t, map[string]any{"issuer": "https://id.example.com", "audience": "a"}), noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	templateOf(t, stack).check(t, "AuthorizerFunction", map[string]string{
		"Environment.Variables.STREAMER_AUTH": `"{\"issuer\":\"https://id.example.com\",\"audiences\":[\"a\"]}"`,
	})

	_, err = stages.Add(newApp(t, map[string]any{"issuer": "i"}), noEnvironment)
	if err == nil || !strings.Contains(err.Error(), "belong together") {
		t.Errorf("got %v", err)
	}
	_, err = stages.Add(newApp(t, map[string]any{"issuer": "i", "audience": "a", "jwksFile": "nowhere.json"}), noEnvironment)
	if err == nil || !strings.Contains(err.Error(), "nowhere.json") {
		t.Errorf("got %v", err)
	}
}

// The setting names the pages for both ways that they come: the WebSocket and the files.
func TestStageWebOrigins(t *testing.T) {
	context := map[string]any{"stage": "prod", "issuer": "https://id.example.com", "audience": "a", "webOrigins": "https://app.example.com,http://localhost:5173"}
	stack, err := stages.Add(newApp(t, context), noEnvironment)
	if err != nil {
		t.Fatal(err)
	}
	tpl := templateOf(t, stack)
	const origins = `["https://app.example.com","http://localhost:5173"]`
	tpl.check(t, "Files", map[string]string{"CorsConfiguration.CorsRules.0.AllowedOrigins": origins})
	if config, _ := at(tpl.Resources["AuthorizerFunction"].Properties, "Environment.Variables.STREAMER_AUTH").(string); !strings.Contains(config, `"origins":`+origins) {
		t.Errorf("the authorizer has %s", config)
	}

	stack, err = stages.Add(newApp(t, nil), func(name string) string {
		return map[string]string{"STREAMER_WEB_ORIGINS": "https://app.example.com"}[name] // without tokens nobody connects
	})
	if err != nil {
		t.Fatal(err)
	}
	templateOf(t, stack).check(t, "Files", map[string]string{"CorsConfiguration.CorsRules.0.AllowedOrigins": `["https://app.example.com"]`})
}

func TestStageTakesAccountAndRegionFromTheCLI(t *testing.T) {
	environment := map[string]string{"CDK_DEFAULT_ACCOUNT": "111122223333", "CDK_DEFAULT_REGION": "eu-west-1"}
	stack, err := stages.Add(newApp(t, nil), func(name string) string { return environment[name] })
	if err != nil || *stack.Account() != "111122223333" || *stack.Region() != "eu-west-1" {
		t.Errorf("got %v, %v", stack, err)
	}
}
