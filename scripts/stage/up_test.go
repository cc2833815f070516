package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakeCDK notes its arguments and writes outputs as cdk deploy does; with the app
// "broken" it fails.
const fakeCDK = `#!/bin/sh
echo "$* endpoint=$AWS_ENDPOINT_URL profile=$AWS_PROFILE" >> calls
case "$*" in *broken*) echo "no such bucket"; exit 1;; esac
while [ $# -gt 0 ]; do
	if [ "$1" = --outputs-file ]; then
		echo '{"S":{"WebSocketUrl":"wss://a1.execute-api.us-east-1.amazonaws.com/dev"}}' > "$2"
	fi
	shift
done
`

// fakeCheckout returns the .stage of an otherwise empty directory, now the current
// one, in which MiniStack and the CDK CLI are installed fakes.
func fakeCheckout(t *testing.T) dir {
	t.Helper()
	d := fakeStage(t)
	t.Chdir(filepath.Dir(string(d)))
	modules := filepath.Join(d.cli(), "node_modules")
	for path, content := range map[string]string{
		filepath.Join(d.venv(), "stamp"):                  venvStamp(),
		filepath.Join(modules, "aws-cdk", "package.json"): `{"version":"` + cliVersion + `"}`,
		filepath.Join(modules, ".bin", "cdk"):             fakeCDK,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := down(context.Background(), d, quiet(d)); err != nil { // the test's context has ended
			t.Error(err)
		}
	})
	return d
}

func quiet(d dir) *steps { return &steps{dir: d, out: io.Discard} }

func isUp(t *testing.T, d dir) bool {
	t.Helper()
	_, up, err := d.readState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func TestUpAndAgain(t *testing.T) {
	t.Setenv("AWS_PROFILE", "production")
	d := fakeCheckout(t)
	what := deployment{app: "./hers", stack: "Hers", context: []string{"stage=local"}, args: []string{"--verbose"}}
	first, err := up(t.Context(), d, what, quiet(d))
	if err != nil {
		t.Fatal(err)
	}
	defer first.tie.cut()
	second, err := up(t.Context(), d, deployment{}, quiet(d))
	if err != nil {
		t.Fatal(err)
	}
	if second.tie != nil || second.state != first.state || second.address() != first.address() {
		t.Errorf("a new stage instead of the one that was up: %+v, %+v", first, second)
	}
	if want := "ws" + strings.TrimPrefix(first.Front, "http") + "/_aws/execute-api/a1/dev"; first.address() != want {
		t.Errorf("address %s, want %s", first.address(), want)
	}
	data, err := os.ReadFile("calls")
	if err != nil {
		t.Fatal(err)
	}
	calls := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(calls) != 3 || !strings.HasPrefix(calls[0], "bootstrap aws://000000000000/us-east-1 ") {
		t.Fatalf("want one bootstrap and two deploys: %q", calls)
	}
	for _, want := range []string{
		"deploy --require-approval never --outputs-file " + d.outputs(), `--context streamer:local={"endpoint":"` + first.Front + `"`,
		"--context stage=local", "--app ./hers", " Hers ", "--verbose", "endpoint=" + first.Front, "profile=",
	} {
		if !strings.Contains(calls[1], want) {
			t.Errorf("%q is not in %s", want, calls[1])
		}
	}
	if strings.Contains(string(data), "production") {
		t.Error("the CDK was given a profile")
	}
	if strings.Contains(calls[2], "--app") || !strings.Contains(calls[2], " --all ") {
		t.Errorf("without --app and --stack: %s", calls[2])
	}
}

func TestFailedDeployStopsOnlyWhatItStarted(t *testing.T) {
	d := fakeCheckout(t)
	broken := deployment{app: "broken"}
	if _, err := up(t.Context(), d, broken, quiet(d)); !errors.Is(err, errShown) {
		t.Fatalf("error %v, want errShown", err)
	}
	if isUp(t, d) {
		t.Error("the stage that was started is still up")
	}
	s, err := up(t.Context(), d, deployment{}, quiet(d))
	if err != nil {
		t.Fatal(err)
	}
	defer s.tie.cut()
	if _, err := up(t.Context(), d, broken, quiet(d)); !errors.Is(err, errShown) {
		t.Fatalf("error %v, want errShown", err)
	}
	if !isUp(t, d) {
		t.Error("the stage that was up is gone")
	}
}

func TestRun(t *testing.T) {
	d := fakeCheckout(t)
	command := []string{"sh", "-c", `echo "$STREAMER_WS_URL" > seen; exit 7`}
	tests := []struct {
		name           string
		keep           bool
		before, wantUp bool
	}{
		{"new", false, false, false},
		{"new, kept", true, false, true},
		{"up before", false, true, true},
	}
	for _, test := range tests {
		if got := isUp(t, d); got != test.before {
			t.Fatalf("%s: up = %v before", test.name, got)
		}
		code, err := run(t.Context(), d, deployment{}, test.keep, command, quiet(d))
		if err != nil || code != 7 {
			t.Errorf("%s: code %d, %v, want the command's, 7", test.name, code, err)
		}
		if seen, err := os.ReadFile("seen"); err != nil || !strings.HasPrefix(string(seen), "ws://127.0.0.1:") {
			t.Errorf("%s: the command saw %q, %v", test.name, seen, err)
		}
		if got := isUp(t, d); got != test.wantUp {
			t.Errorf("%s: up = %v afterwards, want %v", test.name, got, test.wantUp)
		}
	}
}
