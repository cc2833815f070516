package streamer_test

import (
	"os"
	"path/filepath"
	"regexp"
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

// Every test that a page at the top names as what holds a promise is one.
func TestPagesNameTests(t *testing.T) {
	for page, least := range map[string]int{"README.md": 30, "SECURITY.md": 40, "OPERATING.md": 1} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`([a-z]+)\\.(Test[A-Za-z0-9]+)`").FindAllSubmatch(text, -1)
		if len(named) < least {
			t.Errorf("%s names only %d tests", page, len(named))
		}
		for _, test := range named {
			if !declared(t, string(test[1]), string(test[2])) {
				t.Errorf("%s names %s.%s, which is no test", page, test[1], test[2])
			}
		}
	}
}

// declared tells whether a package has a test of that name.
func declared(t *testing.T, pkg, name string) bool {
	t.Helper()
	places := []string{pkg + "/*_test.go", "*/" + pkg + "/*_test.go"}
	if pkg == "streamer" {
		places = []string{"*_test.go"}
	}
	for _, place := range places {
		files, err := filepath.Glob(place)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(source), "\nfunc "+name+"(t *testing.T)") {
				return true
			}
		}
	}
	return false
}
