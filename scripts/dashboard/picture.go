package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// browsers are the names of the one that draws the page where nobody looks.
var browsers = []string{"chromium", "chromium-headless-shell"}

var errNoBrowser = errors.New("needs " + strings.Join(browsers, " or "))

// browse has a browser open a page without a window, and returns what it prints. The page
// has the time that it needs to fetch its numbers.
func browse(ctx context.Context, address string, args ...string) ([]byte, error) {
	for _, name := range browsers {
		file, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		profile, err := os.MkdirTemp("", "streamer-browser-*")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(profile)
		args = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
			"--user-data-dir=" + profile, "--virtual-time-budget=20000"}, args...)
		cmd := exec.CommandContext(ctx, file, append(args, address)...)
		cmd.WaitDelay = 10 * time.Second
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return out, nil
	}
	return nil, errNoBrowser
}

// draw saves a page as file, a PNG, and as it looks in the dark beside it.
func draw(ctx context.Context, address, file string) error {
	dark := strings.TrimSuffix(file, ".png") + "-dark.png"
	for scheme, name := range map[string]string{"1": file, "0": dark} { // as the engine numbers them
		path, err := filepath.Abs(name)
		if err != nil {
			return err
		}
		if _, err := browse(ctx, address, "--window-size=1440,1160", "--hide-scrollbars", "--blink-settings=preferredColorScheme="+scheme, "--screenshot="+path); err != nil {
			return err
		}
	}
	return nil
}
