package streamer_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Whatever is fetched has one exact version: npm packages, Python tools, and programs that are
// run from their modules. Go's own are exact by go.mod, and their hashes are in go.sum.
func TestVersionsArePinned(t *testing.T) {
	exact := regexp.MustCompile(`^\d+\.\d+\.\d+$`)
	for _, name := range []string{"package.json", "client/ts/package.json"} {
		var p struct{ Dependencies, DevDependencies map[string]string }
		read(t, name, &p)
		if len(p.DevDependencies) == 0 {
			t.Errorf("%s names nothing", name)
		}
		for _, all := range []map[string]string{p.Dependencies, p.DevDependencies} {
			for dependency, version := range all {
				if !exact.MatchString(version) {
					t.Errorf("%s wants %s of %s", name, version, dependency)
				}
			}
		}
		var lock struct {
			Packages map[string]struct {
				Resolved, Integrity string
				Link                bool
			}
		}
		read(t, strings.TrimSuffix(name, ".json")+"-lock.json", &lock)
		for path, locked := range lock.Packages {
			if path != "" && !locked.Link && !strings.HasPrefix(locked.Integrity, "sha512-") {
				t.Errorf("%s: %s has no hash", name, path)
			}
		}
	}
	tool := regexp.MustCompile(`^[A-Za-z0-9_-]+==[0-9.]+(post\d+)?$`)
	// The first two are all that is installed: pip is told to look for nothing else, and make
	// has it check that nothing is missing.
	for _, name := range []string{"scripts/cfn-lint.txt", "scripts/demo/record.txt", "scripts/stage/requirements.txt"} {
		for line := range strings.Lines(text(t, name)) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !tool.MatchString(line) {
				t.Errorf("%s wants %s", name, line)
			}
		}
	}
	makefile := text(t, "Makefile")
	if !strings.Contains(makefile, "--no-deps -r $<") || !strings.Contains(makefile, "pip check") || strings.Count(makefile, "pip install") != 1 {
		t.Error("make installs Python tools that are not listed")
	}
	scripts := []string{"Makefile", ".ci/run"}
	err := filepath.WalkDir("scripts", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".sh") {
			scripts = append(scripts, path)
		}
		return err
	})
	if err != nil || len(scripts) < 8 {
		t.Fatalf("scripts are %v, err %v", scripts, err)
	}
	programs := 0
	for _, name := range scripts {
		for _, match := range regexp.MustCompile(`\b[a-z.]+\.[a-z]+/[\w./-]+@([\w.]+)`).FindAllStringSubmatch(text(t, name), -1) {
			programs++
			if !exact.MatchString(strings.TrimPrefix(match[1], "v")) {
				t.Errorf("%s runs %s", name, match[0])
			}
		}
	}
	if programs < 2 {
		t.Errorf("only %d programs are found", programs)
	}
}

// The audit tells what was found from what it could not look at.
func TestAuditTellsWhatItCouldNotLookAt(t *testing.T) {
	const clean, away = `echo '{"auditReportVersion":2}'`, `echo '{"error":{}}'; exit 1`
	for name, c := range map[string]struct {
		verify, vulnerable, npm string
		status                  int
		says                    string
	}{
		"nothing":          {"echo all modules verified", "echo No vulnerabilities found.", clean, 0, "npm audit, client/ts                         none"},
		"a changed module": {"echo x: dir has been modified; exit 1", "true", clean, 1, "WRONG\nx: dir has been modified"},
		"a vulnerability":  {"true", "echo GO-1; echo exit status 3; exit 1", clean, 1, "FOUND\nGO-1"},
		"a bad package":    {"true", "true", clean + "; exit 1", 1, "npm audit, .                                 FOUND"},
		"no network":       {"true", "echo no such host; echo exit status 1; exit 1", away, 2, "not checked: vuln.go.dev"},
		"no registry":      {"true", "true", away, 2, "not checked: the registry"},
		"found, and away":  {"true", "echo exit status 3; exit 1", away, 1, "not checked: the registry"},
	} {
		t.Run(name, func(t *testing.T) {
			bin := t.TempDir()
			for program, script := range map[string]string{
				"go":  fmt.Sprintf("case $1 in mod) %s ;; *) %s ;; esac", c.verify, c.vulnerable),
				"npm": c.npm,
			} {
				if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			command := exec.CommandContext(t.Context(), "scripts/audit.sh")
			command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := command.CombinedOutput()
			if status := command.ProcessState.ExitCode(); status != c.status || !strings.Contains(string(out), c.says) {
				t.Errorf("status %d (%v), want %d with %q:\n%s", status, err, c.status, c.says, out)
			}
		})
	}
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func read(t *testing.T, name string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, name)), to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}
