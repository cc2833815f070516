package streamer_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pay-theory/streamer"

// build is everything that the packages of this module import, by import path. A
// package's tests count as packages: "p [p.test]", "p_test [p.test]".
type build map[string]*pkg

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

func load(t *testing.T) build {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-e", "-deps", "-test", "-json=ImportPath,Standard,Imports", "./...")
	var problems bytes.Buffer
	list.Stderr = &problems
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &problems)
	}
	b := build{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return b
		} else if err != nil {
			t.Fatal(err)
		}
		b[p.ImportPath] = &p
	}
}

// within reports whether an import path, or a test of it, is in one of the module's
// folders: "." is the root package alone, "x" is x and all beneath.
func within(importPath string, folders ...string) bool {
	importPath, _, _ = strings.Cut(importPath, " ")
	importPath = strings.TrimSuffix(importPath, ".test")
	if importPath == module || importPath == module+"_test" {
		return slices.Contains(folders, ".")
	}
	inside, ours := strings.CutPrefix(importPath, module+"/")
	return ours && slices.ContainsFunc(folders, func(f string) bool {
		return inside == f || inside == f+"_test" || strings.HasPrefix(inside, f+"/")
	})
}

func isTest(importPath string) bool {
	return strings.Contains(importPath, " [") || strings.HasSuffix(importPath, ".test")
}

// chain is how from reaches a package that is wrong, the shortest way; nil if it
// reaches none.
func (b build) chain(from string, wrong func(*pkg) bool) []string {
	queue, by := []string{from}, map[string]string{from: ""}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		p := b[at]
		if p == nil {
			continue
		}
		if at != from && wrong(p) {
			var way []string
			for ; at != ""; at = by[at] {
				way = append([]string{at}, way...)
			}
			return way
		}
		for _, next := range p.Imports {
			if _, seen := by[next]; !seen {
				by[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func TestImports(t *testing.T) {
	b := load(t)
	if b[module] == nil || b[module+"/protocol"] == nil {
		t.Fatal("go list did not find the module's own packages")
	}
	for _, rule := range []struct {
		what  string
		from  func(importPath string) bool
		wrong func(*pkg) bool
	}{
		{
			"what runs, and what tests it, does not reach the CDK",
			func(from string) bool {
				return within(from, ".", "protocol", "internal", "functions", "client", "streamertest", "integ")
			},
			func(p *pkg) bool {
				return strings.HasPrefix(p.ImportPath, "github.com/aws/aws-cdk-go/") ||
					strings.HasPrefix(p.ImportPath, "github.com/aws/jsii-runtime-go") ||
					strings.HasPrefix(p.ImportPath, "github.com/aws/constructs-go/")
			},
		},
		{
			"what runs does not reach what documents are made with",
			func(from string) bool {
				return within(from, ".", "protocol", "internal", "functions", "client", "streamertest") && !isTest(from)
			},
			func(p *pkg) bool {
				return strings.HasPrefix(p.ImportPath, "github.com/google/jsonschema-go/") || strings.HasPrefix(p.ImportPath, "golang.org/x/tools/")
			},
		},
		{
			"the root package stands on the standard library and protocol",
			func(from string) bool { return from == module },
			func(p *pkg) bool { return !p.Standard && p.ImportPath != module+"/protocol" },
		},
		{
			"protocol stands on the standard library",
			func(from string) bool { return from == module+"/protocol" },
			func(p *pkg) bool { return !p.Standard },
		},
		{
			"internal/contract stands on the standard library",
			func(from string) bool { return from == module+"/internal/contract" },
			func(p *pkg) bool { return !p.Standard },
		},
		{
			"the authorizer links no client of AWS's, each of which takes time to start",
			func(from string) bool { return from == module+"/functions/cmd/authorizer" },
			func(p *pkg) bool { return strings.HasPrefix(p.ImportPath, "github.com/aws/aws-sdk-go-v2/") },
		},
		{
			"the sample actions' declarations stay light",
			func(from string) bool { return from == module+"/functions/handlers" },
			func(p *pkg) bool { return !p.Standard && !within(p.ImportPath, ".", "protocol") },
		},
		{
			"infrastructure names functions by their import paths and imports none, but for the declarations of actions",
			func(from string) bool { return within(from, "constructs", "dashboards", "infra") && !isTest(from) },
			func(p *pkg) bool {
				return within(p.ImportPath, "functions", "internal") && !within(p.ImportPath, "internal/contract", "internal/price", "internal/shape") &&
					p.ImportPath != module+"/functions/handlers"
			},
		},
	} {
		t.Run(rule.what, func(t *testing.T) {
			for from := range b {
				if !rule.from(from) {
					continue
				}
				if way := b.chain(from, rule.wrong); way != nil {
					t.Errorf("%s", strings.Join(way, "\n\timports "))
				}
			}
		})
	}
}

func TestSources(t *testing.T) {
	under := func(folder string, roots ...string) bool {
		return slices.ContainsFunc(roots, func(root string) bool { return folder == root || strings.HasPrefix(folder, root+"/") })
	}
	for name, file := range sources(t) {
		folder := path.Dir(name)
		if file.Name.Name == "main" && !under(folder, "functions/cmd", "infra", "scripts", "client", "remote", "examples", "bench") {
			t.Errorf("%s: a program; they stand under functions/cmd, infra, scripts, client, remote, examples and bench", name)
		}
		if under(folder, "functions/serve", "functions/cmd", "infra", "scripts", "client/demo", "client/web", "remote/streamer-report", "integ", "bench") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, call := range environment(file) {
			if call == "os.Environ" && under(folder, "constructs") {
				continue // handed on to the go command that builds the functions
			}
			t.Errorf("%s: calls %s; only programs and functions/serve read the environment", name, call)
		}
	}
}

// sources parses the module's Go files, without the modules within it, by their
// slash-separated names.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			base := d.Name()
			if nested == nil || strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules" || base == "cdk.out" {
				return fs.SkipDir
			}
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)] = file
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// environment lists the ways in which a file reads the environment.
func environment(file *ast.File) []string {
	var os string
	for _, spec := range file.Imports {
		if spec.Path.Value == `"os"` {
			os = "os"
			if spec.Name != nil {
				os = spec.Name.Name
			}
		}
	}
	var calls []string
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && os != "" && x.Name == os &&
			slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, selector.Sel.Name) {
			calls = append(calls, fmt.Sprintf("os.%s", selector.Sel.Name))
		}
		return true
	})
	return calls
}

// The rules above are only as good as what finds their breaking.
func TestChainNamesTheWay(t *testing.T) {
	b := build{
		"a": {ImportPath: "a", Imports: []string{"b", "c"}},
		"b": {ImportPath: "b", Imports: []string{"a"}},
		"c": {ImportPath: "c", Imports: []string{"d", "gone"}},
		"d": {ImportPath: "d"},
	}
	if way := b.chain("a", func(p *pkg) bool { return p.ImportPath == "d" }); !slices.Equal(way, []string{"a", "c", "d"}) {
		t.Errorf("got %v", way)
	}
	if way := b.chain("b", func(p *pkg) bool { return p.ImportPath == "x" }); way != nil {
		t.Errorf("got %v", way)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x; import system "os"; var a, b = system.Getenv("A"), system.Args`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if calls := environment(file); !slices.Equal(calls, []string{"os.Getenv"}) {
		t.Errorf("got %v", calls)
	}
}
