package main

import (
	"context"
	"strings"
)

// micro runs the benchmarks of the packages on the path of a message.
func micro(ctx context.Context, _ *stage) (string, error) {
	text, err := output(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "200ms",
		"./protocol", "./internal/progress", "./internal/store", "./functions/router", "./functions/processor")
	if err != nil {
		return "", err
	}
	t := newTable("benchmark", "", "", "", "")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "Benchmark") {
			columns := strings.Split(strings.TrimSpace(line), "\t")
			row := []any{strings.TrimSpace(columns[0])}
			for _, c := range columns[2:] {
				row = append(row, strings.TrimSpace(c))
			}
			t.row(row...)
		}
	}
	return t.String() + "\nReport100000 reports 100,000 times a second: its share of a core is what that takes with posts and pulses; aim: 2 %.\n" +
		"Claim is with the SDK, and Processor a whole request with it: 21 posts, 3 other calls, no network. Most of both is the SDK's own.\n", nil
}
