package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/pay-theory/streamer/scripts/stage/front"
)

// daemonArg makes this program the daemon of a stage.
const daemonArg = "__daemon"

// stopTimeout is how long a daemon may take to stop before it is killed.
const stopTimeout = 10 * time.Second

// startDaemon starts the daemon in the background and returns when the front
// answers. The daemon ends with this process unless the tie is told to stay. After an
// error it may take a moment to be gone.
func startDaemon(ctx context.Context, d dir) (state, tie, error) {
	self, err := os.Executable()
	if err != nil {
		return state{}, tie{}, fmt.Errorf("find this program: %w", err)
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return state{}, tie{}, err
	}
	defer theirs.Close()
	log, err := os.Create(d.log("daemon"))
	if err != nil {
		_ = ours.Close() // the first error tells more
		return state{}, tie{}, fmt.Errorf("make log: %w", err)
	}
	defer log.Close()

	cmd := exec.Command(self, daemonArg, string(d))
	cmd.Stdin, cmd.Stderr = theirs, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	report, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_ = ours.Close() // the first error tells more
		return state{}, tie{}, fmt.Errorf("start the daemon: %w", err)
	}
	go func() { _ = cmd.Wait() }() // it is known by its lock, not by its exit code

	defer context.AfterFunc(ctx, tie{ours}.cut)()
	var s state
	if err := json.NewDecoder(report).Decode(&s); err != nil {
		_ = ours.Close() // as above
		if ctx.Err() != nil {
			return state{}, tie{}, context.Cause(ctx)
		}
		return state{}, tie{}, errors.New("the stage did not start")
	}
	return s, tie{ours}, nil
}

// stopDaemon ends the stage that is up and returns when it is gone. A daemon that
// does not stop is killed; its guards end what it started.
func stopDaemon(ctx context.Context, d dir, s state) error {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(s.PID, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the daemon: %w", err)
		}
		if err := waitGone(ctx, d); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return fmt.Errorf("the daemon (process %d) does not stop", s.PID)
}

// waitGone returns when no daemon is left.
func waitGone(ctx context.Context, d dir) error {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	release, err := waitLock(ctx, d.daemonLock())
	if err != nil {
		return err
	}
	release()
	return nil
}

// daemonMain is the daemon. It runs until it gets a signal, its tie is cut, or
// MiniStack ends, and stops all it started before it returns.
func daemonMain(d dir) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	release, held, err := lock(d.daemonLock())
	if err != nil {
		return err
	}
	if held {
		return errors.New("a stage is up already")
	}
	defer release()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		if !waitTie(os.Stdin) {
			cancel(errors.New("the starter is gone"))
		}
	}()
	if err := d.clean(); err != nil { // of a daemon that was killed
		return err
	}
	err = serve(ctx, d, log)
	log.Info("stopped", "cause", err)
	return d.clean()
}

// serve starts MiniStack and the front, reports their addresses on standard output,
// and returns why they stopped.
func serve(ctx context.Context, d dir, log *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	keys, err := publishedKeys(d)
	if err != nil {
		return err
	}
	listener, traces, err := front.Listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	go func() {
		if err := front.ServeTraces(ctx, traces, d.traces()); err != nil {
			cancel(err)
		}
	}()
	s := state{PID: os.Getpid(), Front: "http://" + listener.Addr().String()}

	ministack, at, err := startMiniStack(ctx, d, s.Front)
	if err != nil {
		return err
	}
	defer ministack.kill()
	go func() {
		<-ministack.done
		cancel(fmt.Errorf("ministack ended: %w", ministack.err))
	}()
	s.MiniStack = at.String()
	if err := d.writeState(s); err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() {
		served <- front.New(at, func(pid int) bool { return front.Descendant(pid, os.Getpid(), d.tmp()) }, keys, log).Serve(ctx, listener)
	}()
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.Stdout.Close(); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	err = <-served
	if err == nil {
		err = context.Cause(ctx)
	}
	return errors.Join(err, os.Remove(d.state())) // from now on nobody counts on this stage
}
