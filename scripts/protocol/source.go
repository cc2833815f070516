package main

import (
	"errors"
	"fmt"
	"go/token"

	"golang.org/x/tools/go/packages"
)

// The packages that define what travels, and what an action is.
const (
	module       = "github.com/pay-theory/streamer"
	protocolPath = module + "/protocol"
)

// source is what the documents are made from.
type source struct {
	fset     *token.FileSet
	protocol *packages.Package
	declare  []*packages.Package // those that declare actions
	comments map[string]map[position]string
}

// position is where something is declared, within its file.
type position struct {
	line int
	name string
}

// load reads package protocol and the packages of the patterns, as the module of the
// working directory has them.
func load(patterns []string) (*source, error) {
	src := &source{fset: token.NewFileSet(), comments: map[string]map[position]string{}}
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedTypesInfo,
		Fset:       src.fset,
		BuildFlags: []string{"-trimpath=false"}, // comments are read where types say that they are from
	}, append([]string{protocolPath}, patterns...)...)
	if err != nil {
		return nil, fmt.Errorf("load packages: %w", err)
	}
	for _, p := range loaded {
		for _, problem := range p.Errors {
			err = errors.Join(err, problem)
		}
		if p.PkgPath == protocolPath {
			src.protocol = p
		} else {
			src.declare = append(src.declare, p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("load packages: %w", err)
	}
	return src, nil
}
