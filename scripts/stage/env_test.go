package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
)

func TestSocketURL(t *testing.T) {
	const front = "http://127.0.0.1:4000"
	for outputs, want := range map[string]string{
		`{"S":{"WebSocketUrl":"wss://a1.execute-api.us-east-1.amazonaws.com/dev"}}`:              "ws://127.0.0.1:4000/_aws/execute-api/a1/dev",
		`{"Other":{"X":"y"},"S":{"WebSocketUrl":"ws://127.0.0.1:4000/_aws/execute-api/a1/dev"}}`: "ws://127.0.0.1:4000/_aws/execute-api/a1/dev",
	} {
		d := testStage(t)
		if err := os.WriteFile(d.outputs(), []byte(outputs), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := socketURL(d, front); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v, want %s", outputs, got, err, want)
		}
	}
	d := testStage(t)
	if err := os.WriteFile(d.outputs(), []byte(`{"S":{}}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := socketURL(d, front); got != nil || err != nil {
		t.Errorf("a stack without a WebSocket API: %v, %v", got, err)
	}
}

func TestEnvIsReadByShells(t *testing.T) {
	d := testStage(t)
	vars := []string{"STREAMER_A=/it's a $HOME; path", "STREAMER_B=ws://127.0.0.1:1/x"}
	if err := writeEnv(d, vars); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", `. "$1" && printf '%s\n%s' "$STREAMER_A" "$STREAMER_B"`, "sh", d.env()).Output()
	if err != nil || string(out) != "/it's a $HOME; path\nws://127.0.0.1:1/x" {
		t.Errorf("a shell read %q, %v", out, err)
	}
}

func TestEnvironmentLeadsNowhereElse(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	t.Setenv("AWS_SESSION_TOKEN", "secret")
	env := environment(awsVariables("http://127.0.0.1:1")...)
	for _, v := range []string{"AWS_PROFILE=production", "AWS_SESSION_TOKEN=secret"} {
		if slices.Contains(env, v) {
			t.Errorf("%s is passed on", v)
		}
	}
	if !slices.Contains(env, "AWS_ENDPOINT_URL=http://127.0.0.1:1") {
		t.Error("the endpoint is missing")
	}
}
