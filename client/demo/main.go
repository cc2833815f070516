// Demo is a client for the terminal: it sends requests to a stage, all at once over one
// connection, draws a bar for each while they run, and prints their results. A connection
// that is lost shows, and is made again.
//
//	go run ./client/demo generate_report '{"start_date":"2026-01-01","end_date":"2026-01-31"}'
//
// Bars go to standard error, results to standard output. Where standard error is no
// terminal, each change is a line. go run ./client/demo -h lists the flags.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second one ends the program at once
	p := program{stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, size: terminalSize(os.Stderr, os.Getenv("TERM"))}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// program is the demo with what it touches.
type program struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	// size is the terminal's that standard error is, in columns and lines; nil if it is
	// none that can draw.
	size func() (width, height int)
}

// terminalSize returns how to find the size of the terminal that f is, nil if it is none
// or a dumb one.
func terminalSize(f *os.File, kind string) func() (int, int) {
	if kind == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() (int, int) {
		width, height, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}
}
