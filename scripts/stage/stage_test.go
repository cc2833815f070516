package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMiniStack starts the real thing, if a stage was ever up in this checkout.
func TestMiniStack(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", "..", ".stage"))
	if err != nil {
		t.Fatal(err)
	}
	if !dir(root).venvReady() {
		t.Skip("needs .stage/venv: run stage up once")
	}
	d := testStage(t)
	if err := os.Symlink(dir(root).venv(), d.venv()); err != nil {
		t.Fatal(err)
	}
	s, hold := start(t, d)
	defer hold.cut()
	tables, err := call(t.Context(), http.MethodPost, s.Front+"/", "dynamodb", "DynamoDB_20120810.ListTables", []byte("{}"))
	if err != nil || !strings.Contains(string(tables), "TableNames") {
		t.Errorf("tables: %s, %v", tables, err)
	}
	resp, err := http.Get(s.Front + "/_front/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if calls, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(calls), `"dynamodb.ListTables": 1`) {
		t.Errorf("calls: %s, %v", calls, err)
	}
	if err := logs(t.Context(), d, "", false, io.Discard); err != nil {
		t.Errorf("logs: %v", err)
	}
	if err := down(t.Context(), d, &steps{dir: d, out: io.Discard}); err != nil {
		t.Error(err)
	}
	wantGone(t, d, s)
}
