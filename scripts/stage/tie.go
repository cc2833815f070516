package main

import (
	"fmt"
	"io"
	"os"
)

// A tie binds a new daemon to the process that started it: a pipe whose write end
// only the starter has. When it ends, the daemon shuts down, unless it was told to
// stay before.
type tie struct{ w *os.File }

// stayWord is what the starter writes to let the daemon outlive it.
const stayWord = "stay"

// stay lets the daemon live on without its starter.
func (t tie) stay() error {
	if _, err := io.WriteString(t.w, stayWord); err != nil {
		return fmt.Errorf("tell the daemon to stay: %w", err)
	}
	return t.w.Close()
}

// cut makes the daemon shut down.
func (t tie) cut() { _ = t.w.Close() } // the daemon sees the end in any case

// waitTie returns whether the daemon is to stay, when that is known.
func waitTie(r io.Reader) (stay bool) {
	word, err := io.ReadAll(r)
	return err == nil && string(word) == stayWord
}
