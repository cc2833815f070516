package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// comment is the doc comment of a type, constant, variable, method or field, or what stands
// behind it on its line. It is empty if there is none.
func (s *source) comment(of types.Object) (string, error) {
	at := s.fset.Position(of.Pos())
	file, read := s.comments[at.Filename]
	if !read {
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, at.Filename, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return "", fmt.Errorf("read the comment of %s: %w", of.Name(), err)
		}
		file = comments(fset, parsed)
		s.comments[at.Filename] = file
	}
	return file[position{at.Line, of.Name()}], nil
}

// comments are those of everything that a file declares.
func comments(fset *token.FileSet, file *ast.File) map[position]string {
	found := map[position]string{}
	add := func(name *ast.Ident, text string) { found[position{fset.Position(name.Pos()).Line, name.Name}] = text }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n.Name, n.Doc.Text())
		case *ast.StructType:
			var shared string
			for _, field := range n.Fields.List {
				shared = addAll(add, field.Names, shared, field.Doc, field.Comment)
			}
		case *ast.GenDecl:
			var alone *ast.CommentGroup // of a declaration without brackets
			if !n.Lparen.IsValid() {
				alone = n.Doc
			}
			var shared string
			for _, spec := range n.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					add(spec.Name, cmp.Or(spec.Doc, alone, spec.Comment).Text())
				case *ast.ValueSpec:
					shared = addAll(add, spec.Names, shared, spec.Doc, alone, spec.Comment)
				}
			}
		}
		return true
	})
	return found
}

// addAll adds the comment of names, which is the one before if that speaks of them and they
// have none.
func addAll(add func(*ast.Ident, string), names []*ast.Ident, before string, groups ...*ast.CommentGroup) (text string) {
	text = cmp.Or(groups...).Text()
	for _, name := range names {
		if text == "" && slices.Contains(exported.FindAllString(before, -1), name.Name) {
			text = before
		}
		add(name, text)
	}
	return text
}

// words are what Go's names are called where Go is not spoken.
type words map[string]string

// exported finds what may be one of Go's names: an English word may look the same.
var exported = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*\b`)

// describe makes a description of the doc comment of what Go calls name: without the name
// that it begins with, each paragraph on a line, and in the others' words.
func describe(text, name string, others ...words) string {
	text = strings.TrimSpace(text)
	if rest, named := strings.CutPrefix(text, name); named && rest != "" {
		for _, verb := range []string{": ", " and ", " is ", " are ", " says that ", " "} {
			if rest, found := strings.CutPrefix(strings.ReplaceAll(rest, "\n", " "), verb); found {
				if verb != " and " { // which begins with more than one name
					text = text[len(text)-len(rest):]
				}
				break
			}
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	if size > 0 {
		text = string(unicode.ToUpper(first)) + text[size:]
	}
	var p comment.Parser
	printed := (&comment.Printer{TextWidth: -1}).Text(p.Parse(text))
	return exported.ReplaceAllStringFunc(strings.TrimSpace(string(printed)), func(word string) string {
		for _, other := range others {
			if called, ok := other[word]; ok {
				return called
			}
		}
		return word
	})
}

// valuesOf calls the constants of a package by their values.
func valuesOf(pkg *types.Package) words {
	w := words{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && c.Exported() {
			w[name] = spell(c)
		}
	}
	return w
}

// spell writes a constant as a person would.
func spell(c *types.Const) string {
	text := c.Val().ExactString()
	if ns, exact := constant.Int64Val(constant.ToInt(c.Val())); exact && isDuration(c.Type()) {
		return time.Duration(ns).String()
	}
	if c.Val().Kind() != constant.Int || len(text) < 5 {
		return text
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func isDuration(t types.Type) bool { return types.TypeString(t, nil) == "time.Duration" }
