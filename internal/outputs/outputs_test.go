package outputs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/outputs"
)

func TestRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "outputs.json")
	for body, want := range map[string]string{
		`{"Other":{"Url":"x"},"Mine":{"WebSocketUrl":"wss://x","WorkQueueUrl":"q"}}`: "",
		`{"Other":{"Url":"x"}}`: "no stack in " + file + " has the output WebSocketUrl",
		`{}`:                    "has the output WebSocketUrl",
		`{"Prod":{"WebSocketUrl":"wss://x"},"Dev":{"WebSocketUrl":"wss://y"},"Other":{}}`: "has several stages, Dev, Prod: give a file",
		`no`: "is not what cdk deploy --outputs-file writes",
	} {
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		stack, err := outputs.Read(file)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v", body, err)
			}
			continue
		}
		if err != nil || stack.Name != "Mine" || stack.Values["WorkQueueUrl"] != "q" {
			t.Errorf("got %+v, %v", stack, err)
		}
		if _, err := stack.Need("DashboardName"); err == nil || err.Error() != "stack Mine has no output DashboardName" {
			t.Errorf("got %v", err)
		}
		if v, err := stack.Need("WorkQueueUrl"); err != nil || v != "q" {
			t.Errorf("got %q, %v", v, err)
		}
	}
}

func TestReadNeedsAFile(t *testing.T) {
	if _, err := outputs.Read(""); !errors.Is(err, outputs.ErrNoFile) {
		t.Errorf("got %v", err)
	}
	if _, err := outputs.Read("nowhere.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
