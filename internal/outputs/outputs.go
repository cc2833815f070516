// Package outputs reads what cdk deploy --outputs-file wrote, for developer programs and
// for tests that talk to a stage.
package outputs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pay-theory/streamer/internal/contract"
)

// Variable is the environment variable that names the file.
const Variable = "STREAMER_OUTPUTS"

// ErrNoFile says that no file was named.
var ErrNoFile = errors.New("no stage: set " + Variable + " to the file that cdk deploy --outputs-file wrote, or bring a local stage up, make stage, and then . .stage/env")

// Stack is a deployed stack that holds a Streamer.
type Stack struct {
	Name string
	// Values are its outputs by their keys, those of package contract among them.
	Values map[string]string
}

// Read finds the stack of a Streamer in a file: the one with a WebSocket's URL among its
// outputs. That there are two is an error: nobody should work on one by chance. An empty path
// is ErrNoFile.
func Read(path string) (Stack, error) {
	if path == "" {
		return Stack{}, ErrNoFile
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Stack{}, fmt.Errorf("read stack outputs, which cdk deploy --outputs-file writes, or make outputs STAGE=dev: %w", err)
	}
	var stacks map[string]map[string]string
	if err := json.Unmarshal(b, &stacks); err != nil {
		return Stack{}, fmt.Errorf("read stack outputs: %s is not what cdk deploy --outputs-file writes: %w", path, err)
	}
	maps.DeleteFunc(stacks, func(_ string, values map[string]string) bool { return values[contract.OutputWebSocketURL] == "" })
	switch names := slices.Sorted(maps.Keys(stacks)); len(names) {
	case 0:
		return Stack{}, fmt.Errorf("read stack outputs: no stack in %s has the output %s", path, contract.OutputWebSocketURL)
	case 1:
		return Stack{names[0], stacks[names[0]]}, nil
	default:
		return Stack{}, fmt.Errorf("read stack outputs: %s has several stages, %s: give a file with the one that is meant", path, strings.Join(names, ", "))
	}
}

// Need returns an output that must be there.
func (s Stack) Need(key string) (string, error) {
	if v := s.Values[key]; v != "" {
		return v, nil
	}
	return "", fmt.Errorf("stack %s has no output %s", s.Name, key)
}
