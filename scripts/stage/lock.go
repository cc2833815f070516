package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock takes the lock on a file, or says that somebody has it. The lock ends with
// the process at the latest, so one that is held tells that its holder lives.
func lock(path string) (release func(), held bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, fmt.Errorf("open lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, true, f.Close()
	}
	if err != nil {
		_ = f.Close() // the first error tells more
		return nil, false, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = f.Close() }, false, nil // closing is unlocking, it cannot fail usefully
}

// waitLock takes the lock as soon as its holder is gone.
func waitLock(ctx context.Context, path string) (release func(), err error) {
	for {
		release, held, err := lock(path)
		if err != nil || !held {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
