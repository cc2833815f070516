package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/primes/primes"
	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/client"
)

// A copy of this module runs on a local stage of its own, and a change of a handler shows
// after the same command again.
func TestStageAndAChange(t *testing.T) {
	t.Parallel()
	dir := copyOfModule(t)
	up := func() time.Duration {
		t.Helper()
		began := time.Now()
		stage(t, dir, "up")
		return time.Since(began)
	}
	t.Cleanup(func() { stage(t, dir, "down") })
	up()

	environment := stage(t, dir, "env")
	socket := regexp.MustCompile(`STREAMER_WS_URL='?([^'\n]+)`).FindStringSubmatch(environment)
	if socket == nil {
		t.Fatalf("the stage has no address:\n%s", environment)
	}
	c, err := client.Dial(t.Context(), socket[1], &client.Options{
		Token: client.StaticToken(strings.TrimSpace(stage(t, dir, "token", "--tenant", "acme", "--subject", "ann"))),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := result(t, c, primes.Count, primes.CountIn{UpTo: 100}); got != (primes.CountOut{Primes: 25, Largest: 97}) {
		t.Errorf("got %+v", got)
	}
	if got := result(t, c, primes.Factor, primes.FactorIn{Number: 1001}); got.Text != "1,001 = 7 × 11 × 13" {
		t.Errorf("got %+v", got)
	}

	edit(t, filepath.Join(dir, "compute", "factor.go"), `" × "`, `" * "`)
	t.Logf("the change shows %s after the command", up().Round(100*time.Millisecond))
	if got := result(t, c, primes.Factor, primes.FactorIn{Number: 1001}); got.Text != "1,001 = 7 * 11 * 13" {
		t.Errorf("after the change: got %+v", got)
	}
}

// copyOfModule is this module elsewhere, with MiniStack and the CDK CLI of Streamer's own
// checkout, whose installation takes longer than all the rest.
func copyOfModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "cdk.json", "main.go", "primes", "compute", "cmd"} {
		if err := copyTo(dir, name); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "go", "mod", "edit", "-replace=github.com/pay-theory/streamer="+root)
	for from, to := range map[string]string{
		filepath.Join(root, ".stage", "venv"): filepath.Join(dir, ".stage", "venv"),
		filepath.Join(root, "node_modules"):   filepath.Join(dir, "node_modules"),
	} {
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			if os.Getenv("CI") != "" {
				t.Fatalf("there is no %s", from)
			}
			t.Skipf("needs %s, which make stage makes", from)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func copyTo(dir, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(filepath.Join(dir, name), os.DirFS(name))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name), text, 0o644)
}

func edit(t *testing.T, file, old, new string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		t.Fatalf("%s has no %s", file, old)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), old, new)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stage runs the stage program and returns what it printed.
func stage(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return run(t, dir, "go", append([]string{"tool", "stage"}, args...)...)
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...) // cleanups run commands too
	cmd.Dir = dir
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &problems)
	}
	return string(out)
}

// result submits a request and waits for its end.
func result[In, Out any](t *testing.T, c *client.Client, action streamer.Action[In, Out], in In) Out {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := client.Submit(ctx, c, action, in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.Result(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
