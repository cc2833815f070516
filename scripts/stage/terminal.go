package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// isTerminal tells whether f is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

// ownTerminal returns the file descriptor of in if it is a terminal whose foreground
// this process is in, so that it may lend it.
func ownTerminal(in io.Reader) (fd int, own bool) {
	f, ok := in.(*os.File)
	if !ok {
		return 0, false
	}
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return int(f.Fd()), err == nil && group == syscall.Getpgrp()
}

// takeTerminal makes this process's group the foreground of its terminal again, or
// Ctrl-C would reach nobody.
func takeTerminal(fd int) {
	signal.Ignore(syscall.SIGTTOU) // it would stop whoever does this from the background
	defer signal.Reset(syscall.SIGTTOU)
	_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, syscall.Getpgrp()) // the terminal may be gone
}
