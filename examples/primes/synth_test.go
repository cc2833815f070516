package main

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// The module has what the constructs need to build the functions, and nothing stale.
func TestModuleIsTidy(t *testing.T) {
	if out, err := exec.Command("go", "mod", "tidy", "-diff").CombinedOutput(); err != nil {
		t.Fatalf("run go mod tidy: %v\n%s", err, out)
	}
}

// assembly is what a synth left: the files of the templates by their paths, and the
// programs of the functions.
type assembly struct {
	templates map[string][]byte
	programs  []string // the paths of the assets' bootstraps
}

func synth(t *testing.T, app string) assembly {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "run", app)
	cmd.Env = append(os.Environ(), "CDK_OUTDIR="+dir, "TMPDIR="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("synth: %v\n%s", err, out)
	}
	programs, err := filepath.Glob(filepath.Join(dir, "asset.*", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	a := assembly{templates: map[string][]byte{}, programs: programs}
	for _, pattern := range []string{"*.template.json", "assembly-*/*.template.json"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if a.templates[strings.TrimPrefix(file, dir)], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}

// names are the names of the assets: their hashes.
func (a assembly) names() []string {
	var names []string
	for _, program := range a.programs {
		names = append(names, filepath.Base(filepath.Dir(program)))
	}
	return names
}

// function is a Lambda function of a template.
type function struct {
	id, architecture string
	program          string // its asset's bootstrap
}

// functions are those of the only template of a stage.
func (a assembly) functions(t *testing.T, stage string) []function {
	t.Helper()
	var template string
	for file := range a.templates {
		if strings.HasPrefix(file, "/assembly-"+stage+"/") {
			template = file
		}
	}
	var parsed struct {
		Resources map[string]struct {
			Type       string
			Properties struct {
				Architectures []string
				Code          struct{ S3Key string }
			}
		}
	}
	if err := json.Unmarshal(a.templates[template], &parsed); err != nil {
		t.Fatalf("stage %s among %v: %v", stage, slices.Collect(maps.Keys(a.templates)), err)
	}
	var functions []function
	for id, r := range parsed.Resources {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		hash := strings.TrimSuffix(r.Properties.Code.S3Key, ".zip")
		i := slices.Index(a.names(), "asset."+hash)
		if i < 0 {
			t.Fatalf("%s: %s has no asset %s", template, id, hash)
		}
		functions = append(functions, function{id, r.Properties.Architectures[0], a.programs[i]})
	}
	return functions
}

// A module that is not Streamer's own synthesizes two Streamers in one stack and that stack
// in two stages. Each of the functions has a program of its own for the architecture that
// its stage asks for, and a second synth of the same sources is the same.
func TestSynthOfTwo(t *testing.T) {
	t.Parallel()
	first, second := synth(t, "./two"), synth(t, "./two")
	for stage, want := range map[string]struct {
		architecture string
		machine      elf.Machine
	}{
		"Dev":  {"x86_64", elf.EM_X86_64},
		"Prod": {"arm64", elf.EM_AARCH64},
	} {
		built := map[string]int{}
		functions := first.functions(t, stage)
		for _, f := range functions {
			program, err := elf.Open(f.program)
			if err != nil {
				t.Fatalf("%s %s: %v", stage, f.id, err)
			}
			if f.architecture != want.architecture || program.Machine != want.machine || program.Type != elf.ET_EXEC {
				t.Errorf("%s %s is for %s, its program %s of %s", stage, f.id, f.architecture, program.Type, program.Machine)
			}
			if err := program.Close(); err != nil {
				t.Error(err)
			}
			built[f.program]++
			checkMain(t, f)
		}
		if len(functions) != 10 || len(built) != 5 {
			t.Errorf("%s: %d functions from %d programs, want those of two Streamers from 5", stage, len(functions), len(built))
		}
	}
	if len(first.programs) != 10 {
		t.Errorf("%d programs, want 5 for each architecture", len(first.programs))
	}
	if !slices.Equal(first.names(), second.names()) || !maps.EqualFunc(first.templates, second.templates, bytes.Equal) {
		t.Error("nothing changed, and a second synth is another")
	}
	lint(t, first, synth(t, "."))
}

// lint checks templates against CloudFormation's own rules, with what Streamer's own
// checkout has for that.
func lint(t *testing.T, assemblies ...assembly) {
	t.Helper()
	cfnLint := filepath.Join("..", "..", ".stage", "lint", "bin", "cfn-lint")
	if _, err := os.Stat(cfnLint); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") != "" {
			t.Fatal("cfn-lint is not installed")
		}
		t.Skip("needs cfn-lint, which make test installs")
	}
	args := []string{"--ignore-checks", "W3005", "--regions", "us-east-1", "--"} // the CDK itself says twice what depends on what
	for _, a := range assemblies {
		if len(a.templates) == 0 {
			t.Fatal("a synth left no template")
		}
		for name, template := range a.templates {
			file := filepath.Join(t.TempDir(), filepath.Base(name))
			if err := os.WriteFile(file, template, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, file)
		}
	}
	if out, err := exec.Command(cfnLint, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// checkMain looks for whose program a function has: the router's is this module's and has
// nothing of what its handlers need.
func checkMain(t *testing.T, f function) {
	t.Helper()
	info, err := buildinfo.ReadFile(f.program)
	if err != nil {
		t.Fatal(err)
	}
	needs := slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "github.com/dustin/go-humanize" })
	for role, path := range map[string]string{
		"Router": "example.com/primes/cmd/router", "Processor": "example.com/primes/cmd/processor",
		"Dispatcher": "github.com/pay-theory/streamer/functions/cmd/dispatcher",
	} {
		if strings.Contains(f.id, role) && (info.Path != path || needs != (role == "Processor")) {
			t.Errorf("%s is %s, with the handlers' dependency: %v", f.id, info.Path, needs)
		}
	}
	if f.architecture != map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH] || runtime.GOOS != "linux" {
		return // it does not run here
	}
	program := exec.Command(f.program)
	program.Env = []string{}
	out, err := program.CombinedOutput()
	if exit, _ := errors.AsType[*exec.ExitError](err); !strings.Contains(f.id, "Authorizer") && // which needs nothing
		(exit == nil || exit.ExitCode() != 1 || !bytes.Contains(out, []byte("function does not start"))) {
		t.Errorf("%s does not run: %v\n%s", f.id, err, out)
	}
}
