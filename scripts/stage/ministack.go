package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"time"
)

//go:embed launcher.py
var launcher []byte

// startTimeout is how long MiniStack may take until it answers; about a second is usual.
const startTimeout = 60 * time.Second

// startMiniStack starts MiniStack on a free port of the loopback interface and
// returns when it is ready. Its functions call endpoint.
func startMiniStack(ctx context.Context, d dir, endpoint string) (*guarded, *url.URL, error) {
	home := d.path("tmp", "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, nil, fmt.Errorf("make directory: %w", err)
	}
	script := d.path("tmp", "launcher.py")
	if err := os.WriteFile(script, launcher, 0o644); err != nil {
		return nil, nil, fmt.Errorf("write launcher: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return nil, nil, err
	}
	log, err := os.Create(d.log("ministack"))
	if err != nil {
		return nil, nil, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()

	cmd := exec.Command(d.venvPython(), script)
	// Functions inherit this environment, so nothing of the user's is in it.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + d.tmp(),
		"PYTHONUTF8=1",
		"PYTHONUNBUFFERED=1",
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT=" + strconv.Itoa(port),
		"IOT_MTLS_ENABLED=0",
		"AUTH=true",
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ENDPOINT_URL_S3=" + endpoint,
	}
	cmd.Stdout, cmd.Stderr = log, log
	g, err := startGuarded(cmd)
	if err != nil {
		return nil, nil, err
	}
	at := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	if err := waitReady(ctx, g, at); err != nil {
		g.kill()
		fmt.Fprint(os.Stderr, lastLines(d.log("ministack"), 20))
		return nil, nil, err
	}
	return g, at, nil
}

func waitReady(ctx context.Context, g *guarded, at *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if answers(ctx, at.JoinPath("/_ministack/ready").String()) {
			return nil
		}
		select {
		case <-g.done:
			return fmt.Errorf("ministack ended while starting: %w", g.err)
		case <-ctx.Done():
			return fmt.Errorf("ministack is not ready: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// answers tells whether a GET of url is answered 200.
func answers(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only the status counts
	return resp.StatusCode == http.StatusOK
}

// freePort returns a port of 127.0.0.1 that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
