package constructs

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes a module of one package main in a new directory.
func write(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/tiny\n\ngo 1.26\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuildGivesTheSameBytesWhereverTheSourceLies(t *testing.T) {
	var first []byte
	for range 2 {
		out := t.TempDir()
		tiny := &binary{importPath: "example.com/tiny", goos: "linux", goarch: "arm64"}
		if err := tiny.build(write(t, "package main\n\nfunc main() { println(\"hello\") }\n"), out); err != nil {
			t.Fatal(err)
		}
		built, err := os.ReadFile(filepath.Join(out, "bootstrap"))
		if err != nil {
			t.Fatal(err)
		}
		file, err := elf.NewFile(bytes.NewReader(built))
		if err != nil {
			t.Fatal(err)
		}
		if file.Machine != elf.EM_AARCH64 || file.Section(".symtab") != nil {
			t.Errorf("built for %s, symbols %v", file.Machine, file.Section(".symtab"))
		}
		if first == nil {
			first = built
		}
		if !bytes.Equal(first, built) {
			t.Error("two directories, two binaries")
		}
	}
}

func TestBuildTellsWhatTheCompilerSaid(t *testing.T) {
	tiny := &binary{importPath: "example.com/tiny", goos: "linux", goarch: "arm64"}
	err := tiny.build(write(t, "package main\n\nfunc main() { nonsense() }\n"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Errorf("got %v", err)
	}
	missing := &binary{importPath: "example.com/elsewhere/cmd", goos: "linux", goarch: "arm64"}
	err = missing.build(write(t, "package main\n\nfunc main() {}\n"), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "run go mod tidy") {
		t.Errorf("got %v", err)
	}
}

func TestTryBundleKeepsTheFailure(t *testing.T) {
	out := t.TempDir()
	b := &binary{importPath: "example.com/nowhere", goos: "linux", goarch: "arm64"}
	if done := b.TryBundle(&out, nil); !*done {
		t.Error("the CDK would try Docker")
	}
	if b.failure == nil || !strings.Contains(b.failure.Error(), "run go mod tidy") {
		t.Errorf("got %v", b.failure)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("the CDK refuses an empty asset: %v, %v", left, err)
	}
}

// TestEachBinaryIsAnAssetOfItsOwn: the CDK tells assets apart by their options alone.
func TestEachBinaryIsAnAssetOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	binaries := []*binary{
		{importPath: "example.com/mine", goos: "linux", goarch: "arm64"},
		{importPath: "example.com/mine", goos: "linux", goarch: "amd64"},
		{importPath: "example.com/mine", goos: "darwin", goarch: "arm64"},
	}
	for _, name := range []string{"authorizer", "router", "dispatcher", "processor", "reconciler"} {
		binaries = append(binaries, &binary{importPath: mainOf(name), goos: "linux", goarch: "arm64"})
	}
	for _, b := range binaries {
		var command []string
		for _, word := range *b.bundling().Command {
			command = append(command, *word)
		}
		seen[strings.Join(command, " ")] = true
	}
	if len(seen) != len(binaries) {
		t.Errorf("%d binaries, %d assets: %v", len(binaries), len(seen), seen)
	}
}
