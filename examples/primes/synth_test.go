package main

import (
	"debug/elf"
	"debug/macho"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// The module has what the constructs need to build the functions, and nothing stale.
func TestModuleIsTidy(t *testing.T) {
	if out, err := exec.Command("go", "mod", "tidy", "-diff").CombinedOutput(); err != nil {
		t.Fatalf("run go mod tidy: %v\n%s", err, out)
	}
}

// A synth of this app, from a module that is not Streamer's own, builds five different
// functions: three of Streamer's and the two of this module.
func TestSynthBuildsTheFunctions(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("go", "run", ".")
	cmd.Env = append(os.Environ(), "CDK_OUTDIR="+dir, "TMPDIR="+t.TempDir(),
		// A local stage's context: functions are built for this machine.
		`CDK_CONTEXT_JSON={"streamer:local":{"endpoint":"http://127.0.0.1:1","issuer":"i","audience":"a","jwks_url":"http://127.0.0.1:1/_front/jwks"}}`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("synth: %v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(dir, "asset.*", "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	if len(built) != 5 {
		t.Errorf("%d functions were built, want 5: %v", len(built), built)
	}
	for _, path := range built {
		if err := executable(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// executable tells whether a file is a program for this machine.
func executable(path string) error {
	switch runtime.GOOS {
	case "linux":
		f, err := elf.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]
		if f.Machine != want {
			return fmt.Errorf("built for %s, want %s", f.Machine, want)
		}
	case "darwin":
		f, err := macho.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
	default:
		return fmt.Errorf("no check for %s", runtime.GOOS)
	}
	return nil
}
