// Package processes finds the processes of a local stage's functions, on systems with /proc;
// elsewhere there seem to be none.
package processes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Of returns how much memory each process of the stage's functions has, in bytes, by the name
// of its function. endpoint is the stage's address.
func Of(endpoint string) map[string][]int64 {
	found := map[string][]int64{}
	environments, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is good
	for _, file := range environments {
		environment, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(environment), "AWS_ENDPOINT_URL="+endpoint+"\x00") {
			continue // others' processes, and those that ended meanwhile
		}
		_, name, _ := strings.Cut(string(environment), "AWS_LAMBDA_FUNCTION_NAME=")
		name, _, _ = strings.Cut(name, "\x00")
		if bytes, ok := resident(filepath.Dir(file)); ok && name != "" {
			found[name] = append(found[name], bytes)
		}
	}
	return found
}

// Resident is how much memory a process has, in bytes, 0 if it is not known.
func Resident(pid int) int64 {
	bytes, _ := resident(fmt.Sprintf("/proc/%d", pid))
	return bytes
}

func resident(dir string) (int64, bool) {
	var pages int64
	statm, err := os.ReadFile(filepath.Join(dir, "statm"))
	if err != nil {
		return 0, false
	}
	_, err = fmt.Sscanf(string(statm), "%d %d", new(int64), &pages)
	return pages * int64(os.Getpagesize()), err == nil
}
