package front

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// findsCallers says that the process behind a connection can be found here.
const findsCallers = true

// findCaller returns the process that has the other end of a connection on this
// machine: caller is its address, callee ours. The socket's inode stands in
// /proc/net/tcp, and /proc/<pid>/fd says whose it is (man 5 proc).
func findCaller(caller, callee string) (pid int, err error) {
	inode, err := inodeOf(caller, callee)
	if err != nil {
		return 0, err
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, err
	}
	for _, file := range files {
		if to, err := os.Readlink(file); err != nil || to != "socket:["+inode+"]" {
			continue // processes come and go, and others' are not ours to see
		}
		return strconv.Atoi(strings.Split(file, "/")[2])
	}
	return 0, fmt.Errorf("%w: no process has the connection from %s", errCallerGone, caller)
}

func inodeOf(caller, callee string) (string, error) {
	from, err := procAddress(caller)
	if err != nil {
		return "", err
	}
	to, err := procAddress(callee)
	if err != nil {
		return "", err
	}
	table, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	defer table.Close()
	for lines := bufio.NewScanner(table); lines.Scan(); {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …
		if f := strings.Fields(lines.Text()); len(f) > 9 && f[1] == from && f[2] == to && f[9] != "0" {
			return f[9], nil
		}
	}
	return "", fmt.Errorf("%w: there is no connection from %s", errCallerGone, caller)
}

// procAddress writes an IPv4 address as /proc/net/tcp does.
func procAddress(address string) (string, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return "", err
	}
	if !at.Addr().Unmap().Is4() {
		return "", fmt.Errorf("%s is not IPv4", address)
	}
	ip := at.Addr().Unmap().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), at.Port()), nil
}

// functionName reads a process's environment for the name that Lambda gives its function.
func functionName(pid int) string {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for v := range strings.SplitSeq(string(environment), "\x00") {
		if name, ok := strings.CutPrefix(v, "AWS_LAMBDA_FUNCTION_NAME="); ok {
			return name
		}
	}
	return ""
}

func kill(pid int) error { return signal(pid, syscall.SIGKILL) }

// stop freezes a process, and lets it go on after a while if that is not zero. It returns
// once the process stands still: on a busy machine that takes its time, and a caller that
// is answered before would not be frozen.
func stop(pid int, pause time.Duration) error {
	if err := signal(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	for end := time.Now().Add(stopTimeout); !standsStill(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return errors.Join(fmt.Errorf("process %d does not stop within %s", pid, stopTimeout), signal(pid, syscall.SIGCONT))
		}
	}
	if pause > 0 {
		time.AfterFunc(pause, func() { _ = signal(pid, syscall.SIGCONT) }) // it may have been killed meanwhile
	}
	return nil
}

// stopTimeout is how long a process may take to stop.
const stopTimeout = 10 * time.Second

// standsStill tells whether every thread of a process is stopped or dead.
func standsStill(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*/stat", pid))
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(threads, func(file string) bool {
		fields := statFields(file)
		return len(fields) > 0 && !strings.Contains("TZX", fields[0])
	})
}

// statFields are those of a process or a thread after its name: state, parent, … (man 5
// proc); none if it is gone.
func statFields(file string) []string {
	stat, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	// pid (name) state ppid …, and a name may have spaces and brackets
	return strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
}

func signal(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send signal %d to process %d: %w", sig, pid, err)
	}
	return nil
}

// Descendant reports whether a process was started by another, or by one that was, and
// runs a program below a directory.
func Descendant(pid, ancestor int, dir string) bool {
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil || !strings.HasPrefix(program, dir+string(filepath.Separator)) {
		return false
	}
	for pid > 1 {
		fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if len(fields) < 2 {
			return false
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return false
		}
		if pid == ancestor {
			return true
		}
	}
	return false
}
