package outside

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/contract"
)

func TestTraced(t *testing.T) {
	for text, want := range map[string]contract.Tracing{
		"": {}, "{}": {}, `{"percent":12.5,"daemon":"127.0.0.1:1"}`: {Percent: 12.5, Daemon: "127.0.0.1:1"},
	} {
		if got, err := traced(text); err != nil || got != want {
			t.Errorf("%s: %+v, err %v", text, got, err)
		}
	}
	for text, want := range map[string]string{`{"percent":-1}`: "percent is -1", `{"percent":100.5}`: "percent is 100.5", `[]`: "array", `x`: "invalid"} {
		if _, err := traced(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), contract.EnvTracing) {
			t.Errorf("%s: err is %v, want %s", text, err, want)
		}
	}
}

// tells is a function that says whether it traces.
func tells() {
	os.Stdout.WriteString(map[bool]string{true: "traces", false: "does not"}[Tracer() != nil])
}

// TestTracer: nothing is made to trace with unless a function is told to, and has whom to tell.
func TestTracer(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, "does not"},
		{[]string{"AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000"}, "does not"},
		{[]string{"STREAMER_TRACING={}"}, "does not"},
		{[]string{"STREAMER_TRACING={}", "AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000"}, "traces"},
		{[]string{`STREAMER_TRACING={"daemon":"127.0.0.1:2000"}`}, "traces"},
		{[]string{`STREAMER_TRACING={"daemon":"nowhere"}`}, "find the X-Ray daemon"},
		{[]string{`STREAMER_TRACING={"percent":101}`}, "percent is 101"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(c.env, envMain+"=tells")
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), c.want) {
			t.Errorf("%v: %s, want %s", c.env, out, c.want)
		}
	}
}
