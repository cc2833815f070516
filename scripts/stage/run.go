package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// runGrace is how long a command may take to end after this program got a signal.
const runGrace = 10 * time.Second

// run brings the stage up, runs a command with the stage's variables in its
// environment, and takes the stage down again, unless it was up before or keep is
// set. It returns the command's exit code.
func run(ctx context.Context, d dir, what deployment, keep bool, command []string, out *steps) (code int, err error) {
	s, err := up(ctx, d, what, out)
	if err != nil {
		return 1, err
	}
	if s.tie != nil && keep {
		if err := s.tie.stay(); err != nil {
			return 1, err
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environment(s.vars...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	runErr := runGuarded(ctx, cmd, runGrace)
	if s.tie != nil && !keep {
		if err := down(context.WithoutCancel(ctx), d, out); err != nil {
			return 1, err
		}
	}
	if ctx.Err() != nil {
		return 1, fmt.Errorf("run %s: %w", command[0], runErr)
	}
	return exitCode(runErr), nil
}
