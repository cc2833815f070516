package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/pay-theory/streamer/internal/place"
)

// folder keeps what this program writes.
const folder = ".deploy"

// assembly is the folder with what the CDK made of the app.
func (c command) assembly() string { return filepath.Join(folder, c.stage) }

// fromApp are the arguments by which the CDK makes the assembly anew.
func (c command) fromApp() []string {
	args := []string{c.stack(), "--output", c.assembly(), "--context", "stage=" + c.stage}
	for _, pair := range c.context {
		args = append(args, "--context", pair)
	}
	return args
}

// cdk runs the CDK CLI of this checkout at a place. What it says goes to out; it may ask.
func cdk(ctx context.Context, at place.Place, term terminal, args ...string) error {
	cli := filepath.Join("node_modules", ".bin", "cdk")
	if _, err := os.Stat(cli); err != nil {
		return errors.New("no CDK CLI: run make node_modules")
	}
	cmd := exec.CommandContext(ctx, cli, append(args, "--no-notices")...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it lets go of its locks
	cmd.Env = append(os.Environ(), "AWS_REGION="+at.Config.Region, "CDK_DEFAULT_ACCOUNT="+at.Account, "CDK_DEFAULT_REGION="+at.Config.Region)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = term.in, term.out, term.out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cdk %s: %w", args[0], err)
	}
	return nil
}
