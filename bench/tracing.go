package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
)

// tracing compares how long functions take to start that trace with the same that do not. The
// binary is the same; what is in it for traces is among the dependencies.
func tracing(ctx context.Context, s *stage) (string, error) {
	t := newTable("function", "init, ms, traced", "not", "ratio", "memory, MB, traced", "not", "ratio")
	err := s.startInTurn(ctx, func(_, _ string, on *program) (*program, error) {
		off := *on
		off.environment = slices.DeleteFunc(slices.Clone(on.environment), func(v string) bool { return strings.HasPrefix(v, contract.EnvTracing+"=") })
		if len(off.environment) == len(on.environment) {
			return nil, nil // it never traces
		}
		return &off, nil
	}, func(name string, on, off *program) {
		a, b := on.inits.at(0.5), off.inits.at(0.5)
		t.row(name, ms(a), ms(b), ratio(a, b), mb(on.resident), mb(off.resident), ratio(on.resident, off.resident))
	})
	if err != nil {
		return "", err
	}
	return t.String() + fmt.Sprintf("\nThe median of %d starts each, in turn, of one binary with %s and without.\n", starts, contract.EnvTracing), nil
}
