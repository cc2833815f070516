package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
)

// tracing compares how long functions take to start that trace with the same that do not. The
// binary is the same; what is in it for traces is among the dependencies.
func tracing(ctx context.Context, s *stage) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	host, err := newHost()
	if err != nil {
		return "", err
	}
	defer host.close()
	t := newTable("function", "init, ms, traced", "not", "ratio", "memory, MB, traced", "not", "ratio")
	for _, name := range names {
		on, err := s.download(ctx, "Streamer"+name, dir)
		if err != nil {
			return "", err
		}
		off := *on
		off.environment = slices.DeleteFunc(slices.Clone(on.environment), func(v string) bool { return strings.HasPrefix(v, contract.EnvTracing+"=") })
		if len(off.environment) == len(on.environment) {
			continue // it never traces
		}
		for range starts {
			for _, p := range []*program{on, &off} {
				if err := host.start(ctx, p); err != nil {
					return "", fmt.Errorf("start %s: %w", p.file, err)
				}
			}
		}
		a, b := on.inits.at(0.5), off.inits.at(0.5)
		t.row(name, ms(a), ms(b), ratio(a, b), mb(on.resident), mb(off.resident), ratio(on.resident, off.resident))
	}
	return t.String() + fmt.Sprintf("\nThe median of %d starts each, in turn, of one binary with %s and without.\n", starts, contract.EnvTracing), nil
}
