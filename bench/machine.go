package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// heading says what the figures are of: machine, versions, commands, date.
func heading(ctx context.Context, out io.Writer, now time.Time) error {
	commit, err := output(ctx, "git", "describe", "--always", "--dirty", "--exclude=*")
	if err != nil {
		return err
	}
	kernel, err := output(ctx, "uname", "-sr")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `# Results of make bench

Written by `+"`make bench`"+`, which deploys the local stage with functions of a few lines beside it
(package [bare](bare)), measures both in turn, and takes the stage down. Milliseconds are those of
this machine and of an emulator; ratios and counts are what to read.

| | |
|---|---|
| date | %s |
| commit | %s |
| machine | %s, %d cores, %s, load %s at the beginning |
| versions | %s, aws-lambda-go %s, aws-sdk-go-v2 %s, ministack %s, aws-cdk %s |
`, now.UTC().Format("2006-01-02 15:04 MST"), commit, model(), runtime.NumCPU(), kernel, load(),
		runtime.Version(), find1("go.mod", `aws-lambda-go (\S+)`), find1("go.mod", `aws-sdk-go-v2 (\S+)`),
		find1("scripts/stage/requirements.txt", `ministack\S*==(\S+)`), find1("package-lock.json", `"node_modules/aws-cdk": \{\s+"version": "([^"]+)"`))
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func model() string { return find1("/proc/cpuinfo", `model name\s*: (.*)`) }

func load() string { return find1("/proc/loadavg", `^(\S+)`) }

// find1 is what a pattern finds in a file, "unknown" if nothing.
func find1(file, pattern string) string {
	text, _ := os.ReadFile(file) // not there is unknown too
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return "unknown"
}
