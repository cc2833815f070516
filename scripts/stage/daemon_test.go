package main

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeStage returns a .stage whose Python is a fake MiniStack.
func fakeStage(t *testing.T) dir {
	t.Helper()
	d := dir(filepath.Join(t.TempDir(), ".stage"))
	self, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{d.logs(), filepath.Dir(d.venvPython())} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := "#!/bin/sh\nexec '" + self + "' " + fakeArg + "\n"
	if err := os.WriteFile(d.venvPython(), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func start(t *testing.T, d dir) (state, tie) {
	t.Helper()
	s, hold, err := startDaemon(t.Context(), d)
	if err != nil {
		t.Fatalf("%v\n%s", err, lastLines(d.log("daemon"), 20))
	}
	t.Cleanup(func() { _ = syscall.Kill(s.PID, syscall.SIGKILL) })
	return s, hold
}

// wantGone checks that nothing of a stage is left.
func wantGone(t *testing.T, d dir, s state) {
	t.Helper()
	if err := waitGone(t.Context(), d); err != nil {
		t.Fatalf("the daemon is still there: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		front, emulator := answers(t.Context(), s.Front), answers(t.Context(), s.MiniStack+"/_ministack/ready")
		if !front && !emulator {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: front %v, emulator %v", front, emulator)
		}
	}
}

func TestDaemonEndsWithItsTie(t *testing.T) {
	d := fakeStage(t)
	s, hold := start(t, d)
	if !answers(t.Context(), s.Front+"/_front/health") {
		t.Error("the front does not answer")
	}
	if got, up, err := d.readState(t.Context()); err != nil || !up || got != s {
		t.Errorf("state = %+v, %v, %v, want %+v", got, up, err, s)
	}
	hold.cut()
	wantGone(t, d, s)
	if _, err := os.Stat(d.tmp()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("temporary files are left: %v", err)
	}
	if _, up, err := d.readState(t.Context()); up || err != nil {
		t.Errorf("up = %v, %v after the end", up, err)
	}
}

func TestDaemonStaysWhenTold(t *testing.T) {
	d := fakeStage(t)
	s, hold := start(t, d)
	if err := hold.stay(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if !answers(t.Context(), s.Front+"/_front/health") {
		t.Fatal("the daemon did not stay")
	}
	if _, _, err := startDaemon(t.Context(), d); err == nil {
		t.Error("a second daemon started")
	}
	if err := stopDaemon(t.Context(), d, s); err != nil {
		t.Error(err)
	}
	wantGone(t, d, s)
}

func TestKilledDaemonTakesMiniStackAlong(t *testing.T) {
	d := fakeStage(t)
	s, hold := start(t, d)
	defer hold.cut()
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wantGone(t, d, s)
	again, holdAgain := start(t, d) // what the killed one left is no obstacle
	holdAgain.cut()
	wantGone(t, d, again)
}

func TestDaemonEndsWithMiniStack(t *testing.T) {
	d := fakeStage(t)
	s, hold := start(t, d)
	defer hold.cut()
	if resp, err := http.Get(s.MiniStack + "/exit"); err == nil {
		_ = resp.Body.Close()
	}
	wantGone(t, d, s)
	if log := lastLines(d.log("daemon"), 1); !strings.Contains(log, "ministack ended: exit status 3") {
		t.Errorf("the log does not tell why: %s", log)
	}
}

func TestDaemonThatCannotStart(t *testing.T) {
	d := fakeStage(t)
	if err := os.WriteFile(d.venvPython(), []byte("#!/bin/sh\necho no such module >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := startDaemon(t.Context(), d); err == nil {
		t.Fatal("it started")
	}
	if err := waitGone(t.Context(), d); err != nil {
		t.Error(err)
	}
	if log := lastLines(d.log("daemon"), 20); !strings.Contains(log, "no such module") {
		t.Errorf("the log does not tell why: %s", log)
	}
}

func TestWaitTie(t *testing.T) {
	for word, want := range map[string]bool{"": false, "st": false, "stay": true} {
		if got := waitTie(strings.NewReader(word)); got != want {
			t.Errorf("%q: %v, want %v", word, got, want)
		}
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	release, held, err := lock(path)
	if err != nil || held {
		t.Fatal(held, err)
	}
	if _, held, err := lock(path); err != nil || !held {
		t.Errorf("locked twice: %v, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := waitLock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}
	time.AfterFunc(100*time.Millisecond, release)
	release, err = waitLock(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	release()
}
