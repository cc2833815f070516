package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Whose a sample is that has nothing but the runtime on its stack.
const nobodys = "the collector and the scheduler"

// profile tells what the processor spends its time and its memory on while it does one request
// after the other. What is ours is told by its packages, all else by its modules.
func profile(ctx context.Context, _ *stage) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	binary, time, space := filepath.Join(dir, "processor.test"), filepath.Join(dir, "time"), filepath.Join(dir, "space")
	if _, err := output(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkProcessor$", "-benchtime", "5s", "-o", binary,
		"-cpuprofile", time, "-memprofile", space, "-memprofilerate", "4096", "./functions/processor"); err != nil {
		return "", err
	}
	list, err := output(ctx, "go", "list", "-m", "-f", "{{.Path}}", "all")
	if err != nil {
		return "", err
	}
	known := strings.Fields(list)
	this := known[0]
	longestFirst(known)
	shares := map[string][2]float64{}
	ours := [2]float64{}
	for i, args := range [][]string{{"-unit=ms", binary, time}, {"-unit=kB", "-sample_index=alloc_space", binary, space}} {
		traces, err := output(ctx, "go", append([]string{"tool", "pprof", "-traces"}, args...)...)
		if err != nil {
			return "", err
		}
		whose := spent(traces, this, known)
		all := 0.0
		for _, much := range whose {
			all += much
		}
		if all == 0 {
			return "", fmt.Errorf("the profile is empty: %s", traces)
		}
		for who, much := range whose {
			both := shares[who]
			both[i] = much / all
			shares[who] = both
			if strings.HasPrefix(who, this) && !strings.HasSuffix(who, "_test") {
				ours[i] += both[i]
			}
		}
	}
	t := newTable("whose code", "time, %", "allocated, %")
	for _, who := range slices.SortedFunc(maps.Keys(shares), func(a, b string) int { return cmp.Compare(shares[b][0], shares[a][0]) }) {
		if both := shares[who]; max(both[0], both[1]) >= 0.005 {
			t.row(who, percent(both[0]), percent(both[1]))
		}
	}
	return t.String() + fmt.Sprintf("\nOf BenchmarkProcessor, for five seconds: a sample is the code's that is nearest to it and not the standard library's, which\n"+
		"thus pays for what it calls there. %s %% of the time are ours, and %s %% of what is allocated; processor_test answers the\n"+
		"calls. The rest is the SDK, which makes its chain of middleware anew for each of a request's 24 calls: fewer calls would be\n"+
		"less, and nothing else that can be changed here.\n", percent(ours[0]), percent(ours[1])), nil
}

func percent(share float64) string { return fmt.Sprintf("%.1f", 100*share) }

// spent adds up the samples that pprof lists, each with its stack, by whose they are.
func spent(traces, this string, known []string) map[string]float64 {
	whose := map[string]float64{}
	var much float64
	who, leaf := "", false
	add := func() {
		if much > 0 {
			whose[cmp.Or(who, nobodys)] += much
		}
		much, who, leaf = 0, "", true
	}
	for line := range strings.Lines(traces) {
		if strings.HasPrefix(line, "-----------+") {
			add()
			continue
		}
		columns := strings.Fields(line)
		if len(columns) == 0 || !strings.HasPrefix(line, " ") || strings.HasSuffix(columns[0], ":") {
			continue // what the profile is of, or how large a sample's pieces are
		}
		if leaf { // it has the value beside it, if there is one
			leaf = false
			if value, err := strconv.ParseFloat(strings.TrimRight(columns[0], "msKkB"), 64); err == nil {
				much, columns = value, columns[1:]
			}
		}
		if who == "" && len(columns) > 0 {
			who = owner(columns[0], this, known)
		}
	}
	add()
	return whose
}

// owner is the module that a function is in, or if that is this one, the package; empty for one
// of the standard library.
func owner(function, this string, known []string) string {
	module := moduleOf(function, known)
	if module != this {
		return module
	}
	path, name := "", strings.TrimPrefix(function, module)
	if at := strings.LastIndexByte(strings.Split(name, "[")[0], '/'); at >= 0 {
		path, name = name[:at], name[at:]
	}
	return module + path + strings.Split(name, ".")[0]
}
