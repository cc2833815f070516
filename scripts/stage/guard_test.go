package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitGroupGone fails the test if a process of the group runs after 5 s. Zombies that
// nobody has collected yet do not count.
func waitGroupGone(t *testing.T, group int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := exec.Command("ps", "-A", "-o", "pgid=,stat=").Output()
		if err != nil {
			t.Fatal(err)
		}
		alive := false
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			alive = alive || len(f) == 2 && f[0] == strconv.Itoa(group) && !strings.HasPrefix(f[1], "Z")
		}
		if !alive {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process group %d is still there", group)
		}
	}
}

func TestGuardEndsWithItsStarter(t *testing.T) {
	starter := exec.Command(os.Args[0], starterArg)
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	group, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-group, 0); err != nil {
		t.Fatalf("no guarded group: %v", err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // killed, as it says
	waitGroupGone(t, group)
}

func TestGuardLeavesNothingBehind(t *testing.T) {
	g, err := startGuarded(exec.Command("sh", "-c", "sleep 300 & exit 0"))
	if err != nil {
		t.Fatal(err)
	}
	<-g.done
	waitGroupGone(t, g.cmd.Process.Pid)
}

func TestGuardExitCodes(t *testing.T) {
	for script, want := range map[string]int{"exit 0": 0, "exit 7": 7, "kill -TERM $$": 128 + 15} {
		err := runGuarded(t.Context(), exec.Command("sh", "-c", script), time.Second)
		if got := exitCode(err); got != want {
			t.Errorf("%s: code %d, want %d", script, got, want)
		}
	}
	if err := runGuarded(t.Context(), exec.Command("no-such-program"), time.Second); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}

func TestRunGuardedEndsWithContext(t *testing.T) {
	cause := errors.New("enough")
	for _, script := range []string{"sleep 300", "trap '' TERM; sleep 300; sleep 300"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(cause) })
		start := time.Now()
		if err := runGuarded(ctx, exec.Command("sh", "-c", script), 200*time.Millisecond); !errors.Is(err, cause) {
			t.Errorf("%s: %v, want the cause", script, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", script, took)
		}
	}
}
