package main

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestStepsTellWhatHappened(t *testing.T) {
	d := testStage(t)
	var out strings.Builder
	s := &steps{dir: d, out: &out}
	if err := s.do("fine", func(st *step) error {
		return st.command(t.Context(), exec.Command("echo", "not shown"))
	}); err != nil {
		t.Fatal(err)
	}
	script := `i=0; while [ $i -lt 30 ]; do echo "line $i"; i=$((i+1)); done; printf '%s\n' "$1"; exit 3`
	trace := "panic: no bucket\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:20 +0x4c\n    at Socket.emit (node:events:524:28)"
	err := s.do("deploy", func(st *step) error {
		return st.command(t.Context(), exec.Command("sh", "-c", script, "sh", trace))
	})
	if !errors.Is(err, errShown) {
		t.Errorf("error %v, want errShown", err)
	}
	text := out.String()
	for _, want := range []string{
		`(?m)^stage  fine \.+ \d+\.\d s$`,
		`(?m)^stage  deploy \.+ failed after \d+\.\d s: exit status 3$`,
		`(?m)^    line 11\n(    line \d+\n){18}    panic: no bucket\n  the whole log: ` + regexp.QuoteMeta(d.log("deploy")) + "$",
	} {
		if !regexp.MustCompile(want).MatchString(text) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "line 10\n") || strings.Contains(text, "not shown") || strings.Contains(text, "goroutine") {
		t.Errorf("too much:\n%s", text)
	}
}
