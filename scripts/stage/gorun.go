package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// withGoRun returns a context that ends also when this program was started by go run
// and that is gone: go run waits for its program, so it was killed, and does not pass
// that on.
func withGoRun(ctx context.Context) context.Context {
	self, err := os.Executable()
	if err != nil || !strings.Contains(filepath.ToSlash(self), "/go-build") {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	parent := os.Getppid()
	go func() {
		for range time.Tick(500 * time.Millisecond) {
			if os.Getppid() != parent {
				cancel(errors.New("go run was killed"))
				return
			}
		}
	}()
	return ctx
}
