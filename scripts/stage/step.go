package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"time"
)

// steps prints one line for each step: its name and how long it took.
type steps struct {
	dir dir
	out io.Writer
	tty bool
}

func newSteps(d dir, out *os.File) *steps {
	return &steps{dir: d, out: out, tty: isTerminal(out)}
}

// step is one step while it runs. Its commands write to its log.
type step struct {
	log     *os.File
	logPath string
}

// errShown is an error that people have been told of already.
var errShown = errors.New("a step failed")

// title is a step's name with dots up to where the times stand.
func title(name string) string {
	return fmt.Sprintf("stage  %s %s ", name, strings.Repeat(".", max(3, 22-len(name))))
}

// do runs one step. If it fails, do prints the end of the step's log and returns an
// error that is errShown.
func (s *steps) do(name string, f func(*step) error) error {
	st := &step{logPath: s.dir.log(strings.ReplaceAll(name, " ", "-"))}
	log, err := os.Create(st.logPath)
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer log.Close()
	st.log = log

	if s.tty {
		fmt.Fprint(s.out, title(name))
	}
	start := time.Now()
	err = f(st)
	took := fmt.Sprintf("%.1f s", time.Since(start).Seconds())
	if s.tty {
		fmt.Fprint(s.out, "\r")
	}
	if err == nil {
		fmt.Fprintln(s.out, title(name)+took)
		return nil
	}
	fmt.Fprintf(s.out, "%sfailed after %s: %v\n", title(name), took, err)
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintf(s.out, "%s  the whole log: %s\n", lastLines(st.logPath, 20), st.logPath)
	}
	return fmt.Errorf("%w: %s: %w", errShown, name, err)
}

// say prints a line that is no step.
func (s *steps) say(name, text string) { fmt.Fprintln(s.out, title(name)+text) }

// command runs cmd, guarded, with its output in the step's log.
func (s *step) command(ctx context.Context, cmd *exec.Cmd) error {
	fmt.Fprintln(s.log, "$", strings.Join(cmd.Args, " "))
	cmd.Stdout, cmd.Stderr = s.log, s.log
	return runGuarded(ctx, cmd, time.Second)
}

// stackFrame matches the lines of Go's and Node's stack traces, which would push what
// happened out of sight.
var stackFrame = regexp.MustCompile(`^(goroutine \d+ \[|\S+\(.*\)$|\t\S+:\d+ \+0x|\s+at )`)

// lastLines returns the last n lines of a log, indented, without stack traces and
// empty lines.
func lastLines(path string, n int) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) != "" && !stackFrame.MatchString(line) {
			lines = append(lines, "    "+line+"\n")
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
