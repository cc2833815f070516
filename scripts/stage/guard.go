package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// guardArg makes this program a guard.
const guardArg = "__guard"

// guardPipe is the file descriptor on which a guard holds on to its starter.
const guardPipe = 3

// guarded is a command that ends when the process that started it does, with
// everything the command started, however that process ends.
//
// Between the two stands a guard: this program again, leader of a process group of
// its own, holding the read end of a pipe whose only write end is the starter's.
// When the pipe ends, the guard kills its group.
type guarded struct {
	cmd  *exec.Cmd
	hold *os.File
	done chan struct{}
	err  error // valid once done is closed
}

// startGuarded starts cmd under a guard. Path, Args, Env, Dir and the standard
// streams of cmd count. If its standard input is the terminal that this process has,
// the command has it until it ends.
func startGuarded(cmd *exec.Cmd) (*guarded, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()

	guard := exec.Command(self, append([]string{guardArg, cmd.Path}, cmd.Args[1:]...)...)
	guard.Env, guard.Dir = cmd.Env, cmd.Dir
	guard.Stdin, guard.Stdout, guard.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
	guard.ExtraFiles = []*os.File{theirs}
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	terminal, lend := ownTerminal(cmd.Stdin)
	if lend {
		guard.SysProcAttr.Foreground, guard.SysProcAttr.Ctty = true, terminal
	}
	if err := guard.Start(); err != nil {
		_ = ours.Close() // the first error tells more
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	g := &guarded{cmd: guard, hold: ours, done: make(chan struct{})}
	go func() {
		defer close(g.done)
		g.wait()
		if lend {
			takeTerminal(terminal)
		}
	}()
	return g, nil
}

func (g *guarded) wait() {
	g.err = g.cmd.Wait()
	g.signal(syscall.SIGKILL) // whatever the command left behind
	_ = g.hold.Close()        // nobody reads it any more
}

// signal sends sig to the whole process group, if anything is left of it.
func (g *guarded) signal(sig syscall.Signal) { _ = syscall.Kill(-g.cmd.Process.Pid, sig) }

// kill ends the group and returns when the command is gone.
func (g *guarded) kill() {
	g.signal(syscall.SIGKILL)
	<-g.done
}

// runGuarded runs cmd under a guard to its end. When ctx ends first, the command
// gets a SIGTERM, and is killed if it has not ended within grace.
func runGuarded(ctx context.Context, cmd *exec.Cmd, grace time.Duration) error {
	g, err := startGuarded(cmd)
	if err != nil {
		return err
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
	}
	g.signal(syscall.SIGTERM)
	select {
	case <-g.done:
	case <-time.After(grace):
		g.kill()
	}
	return context.Cause(ctx)
}

// guardMain is the guard: it runs args as a command and returns its exit code, or
// 128 + the number of the signal that ended it.
func guardMain(args []string) int {
	pid := os.Getpid()
	if syscall.Getpgrp() != pid {
		fmt.Fprintln(os.Stderr, "stage: a guard must lead its process group")
		return 2
	}
	syscall.CloseOnExec(guardPipe)
	// Signals to the group are the command's to answer. (Ignored ones would be
	// inherited as ignored; caught ones are not.)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(guardPipe, "starter")) // any end is the end
		_ = syscall.Kill(-pid, syscall.SIGKILL)                      // this process too
	}()

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return exitCode(cmd.Run())
}

// exitCode is what a shell would make of the end of a command.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		fmt.Fprintln(os.Stderr, "stage:", err)
		return 127
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
