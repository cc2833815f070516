// Package kernel ends what jsii runs the CDK in, a process of Node.js, without noise.
package kernel

import (
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/aws/jsii-runtime-go"
)

// Run is the whole of a program that uses the CDK: it does that, ends the kernel however that
// went, and says what failed, after the program's name and with the status 1.
func Run(name string, do func() error) {
	if err := closing(do); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func closing(do func() error) error {
	defer without(needless, jsii.Close)
	return do()
}

// needless is what jsii's runtime for Go says about every other time when it closes: it waits for
// the kernel twice, and the wait that comes second finds that there is no such process.
var needless = regexp.MustCompile(`Runtime process exited abnormally: (wait\w*: no child processes|exec: Wait was already called)`)

// without does something, and has os.Stderr say what was said meanwhile, but for what matches.
func without(match *regexp.Regexp, do func()) {
	stderr := os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		do()
		return
	}
	said := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(r) // of a pipe of our own, up to its end
		said <- all
	}()
	os.Stderr = w
	do()
	os.Stderr = stderr
	w.Close()
	stderr.Write(match.ReplaceAll(<-said, nil))
	r.Close()
}
