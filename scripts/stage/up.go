package main

import (
	"context"
	"fmt"
	"strings"
)

// stage is a stage that is up.
type stage struct {
	state
	vars []string // its environment variables, NAME=value
	// tie is the hold on a daemon that this process started; nil if it was up before.
	tie *tie
}

// address is what people want to know of a stage: its WebSocket API's URL, or the
// front's if no stack has one.
func (s *stage) address() string {
	for _, v := range s.vars {
		if url, ok := strings.CutPrefix(v, socketVariable+"="); ok {
			return url
		}
	}
	return s.Front
}

// up brings the stage up, or deploys anew to the one that is up. On an error nothing
// runs that did not run before. A new daemon is left tied to this process.
func up(ctx context.Context, d dir, what deployment, out *steps) (*stage, error) {
	release, err := waitLock(ctx, d.commandLock())
	if err != nil {
		return nil, err
	}
	defer release()
	if err := install(ctx, d, out); err != nil {
		return nil, err
	}
	s, err := open(ctx, d, out)
	if err != nil {
		return nil, err
	}
	if err := s.deploy(ctx, d, what, out); err != nil {
		if s.tie != nil {
			s.tie.cut()
			_ = waitGone(context.WithoutCancel(ctx), d) // the first error tells more
		}
		return nil, err
	}
	return s, nil
}

// open returns the stage that is up, or starts one.
func open(ctx context.Context, d dir, out *steps) (*stage, error) {
	s, running, err := d.readState(ctx)
	if err != nil {
		return nil, err
	}
	if running {
		return &stage{state: s}, nil
	}
	var hold tie
	if err := out.do("start", func(st *step) error {
		st.logPath = d.log("daemon")
		var err error
		if s, hold, err = startDaemon(ctx, d); err != nil {
			_ = waitGone(context.WithoutCancel(ctx), d) // the first error tells more
		}
		return err
	}); err != nil {
		return nil, err
	}
	return &stage{state: s, tie: &hold}, nil
}

// deploy deploys to the stage, bootstrapped before if need be, and notes what it is
// like then.
func (s *stage) deploy(ctx context.Context, d dir, what deployment, out *steps) error {
	if !s.Bootstrapped {
		if err := out.do("bootstrap", func(st *step) error { return bootstrap(ctx, d, s.Front, st) }); err != nil {
			return err
		}
		s.Bootstrapped = true
		if err := d.writeState(s.state); err != nil {
			return err
		}
	}
	if err := out.do("deploy", func(st *step) error { return deploy(ctx, d, s.Front, what, st) }); err != nil {
		return err
	}
	var err error
	if s.vars, err = stageVariables(d, s.Front); err != nil {
		return err
	}
	return writeEnv(d, s.vars)
}

// install makes what a stage needs and does not have yet.
func install(ctx context.Context, d dir, out *steps) error {
	if _, err := loadKey(d); err != nil {
		return err
	}
	if !d.venvReady() {
		s, running, err := d.readState(ctx)
		if err != nil {
			return err
		}
		if running { // on the venv that is replaced now
			if err := stopDaemon(ctx, d, s); err != nil {
				return err
			}
		}
		if err := out.do("install ministack", func(st *step) error { return installVenv(ctx, d, st) }); err != nil {
			return err
		}
	}
	if _, ok := findCLI(d); !ok {
		if err := out.do("install cdk", func(st *step) error { return installCLI(ctx, d, st) }); err != nil {
			return err
		}
	}
	return nil
}

// down takes the stage down and returns when all of it is gone. It is no error if
// none is up.
func down(ctx context.Context, d dir, out *steps) error {
	release, err := waitLock(ctx, d.commandLock())
	if err != nil {
		return err
	}
	defer release()
	s, running, err := d.readState(ctx)
	if err != nil {
		return err
	}
	if !running {
		out.say("down", "none is up")
		return d.clean()
	}
	return out.do("down", func(*step) error {
		if err := stopDaemon(ctx, d, s); err != nil {
			return err
		}
		if err := d.clean(); err != nil {
			return fmt.Errorf("after stopping: %w", err)
		}
		return nil
	})
}
