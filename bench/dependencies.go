package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"debug/buildinfo"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// dependencies lists which module has which share of each function's binary, by the sizes of
// its symbols. The deployed binaries have no symbols, so it builds them once more.
func dependencies(ctx context.Context, _ *stage) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	shares, totals := map[string]map[string]int64{}, map[string]int64{}
	for _, name := range names {
		file := filepath.Join(dir, name)
		if _, err := output(ctx, "go", "build", "-tags", "lambda.norpc", "-o", file, "./functions/cmd/"+strings.ToLower(name)); err != nil {
			return "", err
		}
		sizes, err := modules(ctx, file)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		for module, size := range sizes {
			if shares[module] == nil {
				shares[module] = map[string]int64{}
			}
			shares[module][name] = size
			totals[module] += size
		}
	}
	head := []any{"KB"}
	for _, name := range names {
		head = append(head, name)
	}
	t := newTable(head...)
	for _, module := range slices.SortedFunc(maps.Keys(totals), func(a, b string) int { return cmp.Compare(totals[b], totals[a]) }) {
		row := []any{module}
		for _, name := range names {
			cell := ""
			if size := shares[module][name]; size > 0 {
				cell = fmt.Sprint((size + 500) / 1000)
			}
			row = append(row, cell)
		}
		t.row(row...)
	}
	return t.String() + "\nCode and data of each module in the linked binary; tables for stack traces and types, which belong to all of them, are left out.\n" +
		"Nothing of sso, ssooidc, signin, sts and imds is called: config, which reads the environment here, imports them. auto/sdk, logr\n" +
		"and stdr are what OpenTelemetry's API imports itself.\n", nil
}

// modules are the sizes of the symbols in a binary by their modules, the standard library as
// one.
func modules(ctx context.Context, file string) (map[string]int64, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	known := []string{info.Main.Path}
	for _, d := range info.Deps {
		known = append(known, d.Path)
	}
	longestFirst(known)
	text, err := output(ctx, "go", "tool", "nm", "-size", file)
	if err != nil {
		return nil, err
	}
	sizes := map[string]int64{}
	lines := bufio.NewScanner(bytes.NewReader([]byte(text)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		columns := strings.Fields(lines.Text()) // address, size, type, name
		if len(columns) < 4 || !strings.Contains("TtRrDd", columns[2]) {
			continue // what is zero at the start has no bytes in the file
		}
		size, err := strconv.ParseInt(columns[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read the symbol %s: %w", lines.Text(), err)
		}
		symbol := strings.ReplaceAll(columns[3], "%2e", ".")
		if strings.HasPrefix(symbol, "runtime.") && size > 100_000 || symbol == "go:func.*" || symbol == "type:*" || size > 1<<24 {
			continue // tables, and room that is zero at the start too
		}
		sizes[cmp.Or(moduleOf(symbol, known), "the standard library")] += size
	}
	return sizes, lines.Err()
}

// longestFirst is the order that moduleOf needs: a module's path may begin with another's.
func longestFirst(modules []string) {
	slices.SortFunc(modules, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
}

// moduleOf is the module that a symbol is of, empty for one of the standard library.
func moduleOf(symbol string, known []string) string {
	at := slices.IndexFunc(known, func(module string) bool {
		return strings.HasPrefix(symbol, module+".") || strings.HasPrefix(symbol, module+"/")
	})
	if at < 0 {
		return ""
	}
	return known[at]
}
