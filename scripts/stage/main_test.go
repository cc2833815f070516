package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// What the test binary becomes when a test starts it again.
const (
	starterArg = "__starter" // starts a guarded sleep, tells its group, waits
	fakeArg    = "__fake"    // a MiniStack that says yes to everything
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case starterArg:
			starterMain()
		case fakeArg:
			fakeMain()
		case guardArg, daemonArg:
			main()
			os.Exit(0)
		}
	}
	// Or every process of ours would take a second to exit under the race detector.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func starterMain() {
	g, err := startGuarded(exec.Command("sh", "-c", "sleep 300 & sleep 300"))
	if err != nil {
		panic(err)
	}
	fmt.Println(g.cmd.Process.Pid)
	time.Sleep(5 * time.Minute)
}

func fakeMain() {
	http.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/exit", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("GATEWAY_PORT"), nil))
}

func TestCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, args := range [][]string{
		nil, {"jump"}, {"up", "-c", "novalue"}, {"up", "--nope"}, {"run"}, {"run", "--stack", "S", "--"},
		{"token"}, {"token", "--tenant", "t"}, {"token", "--tenant", "t", "--subject", "s", "--ttl", "soon"},
	} {
		if code, err := command(t.Context(), args); code != 2 || !errors.Is(err, errUsage) {
			t.Errorf("%q: code %d, %v", args, code, err)
		}
	}
	if code, err := command(t.Context(), []string{"env"}); code != 1 || err == nil {
		t.Errorf("env without a stage: code %d, %v", code, err)
	}
}
