package streamer_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The README's Go code is code of example_test.go, declaration by declaration, so it
// compiles and runs.
func TestReadmeShowsTheExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("README.md shows no Go code")
	}
	for _, block := range blocks {
		for declaration := range strings.SplitSeq(strings.TrimSpace(string(block[1])), "\n\n") {
			if !strings.Contains(string(example), declaration) {
				t.Errorf("README.md shows what example_test.go does not have:\n%s", declaration)
			}
		}
	}
}

// Every make target that a page at the top names is one.
func TestPagesNameTargets(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("(?:[`\n]|[A-Z]=\\S+ )make ([a-z-]+)").FindAllSubmatch(text, -1)
		if page == "README.md" && len(named) == 0 {
			t.Fatal("README.md names no target")
		}
		for _, target := range named {
			if !regexp.MustCompile(`(?m)^` + string(target[1]) + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which the Makefile does not have", page, target[1])
			}
		}
	}
}

// Every test that the README names as what holds a promise is one.
func TestReadmeNamesTests(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z]+)\\.(Test[A-Za-z0-9]+)`").FindAllSubmatch(readme, -1)
	if len(named) == 0 {
		t.Fatal("README.md names no test")
	}
	for _, test := range named {
		files, err := filepath.Glob("*/" + string(test[1]) + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		direct, err := filepath.Glob(string(test[1]) + "/*_test.go")
		if err != nil {
			t.Fatal(err)
		}
		declared := "\nfunc " + string(test[2]) + "(t *testing.T)"
		if !slices.ContainsFunc(append(files, direct...), func(file string) bool {
			source, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(source), declared)
		}) {
			t.Errorf("README.md names %s.%s, which is no test", test[1], test[2])
		}
	}
}
