package kernel

import (
	"fmt"
	"io"
	"os"
	"testing"
)

func TestWithout(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func(old *os.File) { os.Stderr = old }(os.Stderr)
	os.Stderr = w
	without(needless, func() {
		fmt.Fprint(os.Stderr, "a warning\nRuntime process exited abnormally: waitid: no child processes")
		fmt.Fprint(os.Stderr, "Runtime process exited abnormally: exit status 7\n")
	})
	if os.Stderr != w {
		t.Error("os.Stderr is another than before")
	}
	w.Close()
	said, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a warning\nRuntime process exited abnormally: exit status 7\n"; string(said) != want {
		t.Errorf("%q was said, not %q", said, want)
	}
}
