package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// state is what a running stage tells about itself, in .stage/state.json.
type state struct {
	PID       int    `json:"pid"`       // the daemon's
	Front     string `json:"front"`     // URL of the front
	MiniStack string `json:"ministack"` // URL of the emulator behind it
	// Bootstrapped is set once the CDK bootstrap stack is there.
	Bootstrapped bool `json:"bootstrapped"`
}

func (d dir) writeState(s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(d.state(), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// readState returns the state of the stage that is up, if one is: a daemon that is
// gone may leave a file, but not its lock. A stage that is just starting or stopping
// is waited for, no longer than stopTimeout.
func (d dir) readState(ctx context.Context) (s state, up bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	for {
		release, held, err := lock(d.daemonLock())
		if err != nil {
			return state{}, false, err
		}
		if !held {
			release()
			return state{}, false, nil
		}
		data, err := os.ReadFile(d.state())
		if err == nil {
			err = json.Unmarshal(data, &s)
		}
		if err == nil {
			return s, true, nil
		}
		select {
		case <-ctx.Done():
			return state{}, false, fmt.Errorf("read state: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
