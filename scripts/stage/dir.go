package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// dir is the absolute path of .stage, where everything of a local stage lives.
type dir string

// stageDir returns the .stage of the current directory, made if need be.
func stageDir() (dir, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the current directory: %w", err)
	}
	d := dir(filepath.Join(cwd, ".stage"))
	if err := os.MkdirAll(d.logs(), 0o755); err != nil {
		return "", fmt.Errorf("make .stage: %w", err)
	}
	if err := os.WriteFile(d.path(".gitignore"), []byte("*\n"), 0o644); err != nil {
		return "", fmt.Errorf("make .stage: %w", err)
	}
	return d, nil
}

func (d dir) path(elem ...string) string {
	return filepath.Join(append([]string{string(d)}, elem...)...)
}

// What stays over stages.
func (d dir) venv() string        { return d.path("venv") }
func (d dir) cli() string         { return d.path("cli") }
func (d dir) key() string         { return d.path("token.pem") }
func (d dir) logs() string        { return d.path("logs") }
func (d dir) log(n string) string { return d.path("logs", n+".log") }
func (d dir) commandLock() string { return d.path("command.lock") }
func (d dir) daemonLock() string  { return d.path("daemon.lock") }

// What lives as long as a stage.
func (d dir) state() string    { return d.path("state.json") }
func (d dir) outputs() string  { return d.path("outputs.json") }
func (d dir) env() string      { return d.path("env") }
func (d dir) tmp() string      { return d.path("tmp") }
func (d dir) assembly() string { return d.path("cdk.out") }
func (d dir) traces() string   { return d.path("traces.jsonl") }

// clean removes what belongs to a stage that is gone.
func (d dir) clean() error {
	for _, path := range []string{d.state(), d.outputs(), d.env(), d.tmp(), d.assembly(), d.traces(), d.traces() + ".old"} {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("clean .stage: %w", err)
		}
	}
	return nil
}

// replaceFile writes a file so that readers see the old one or the new one whole.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	next := path + ".next"
	if err := os.WriteFile(next, data, mode); err != nil {
		return err
	}
	return os.Rename(next, path)
}
