package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/logs"
)

const (
	// followEvery is how often new lines are looked for.
	followEvery = time.Second
	// lateness is how far behind the newest a line may come: CloudWatch takes them from
	// many machines.
	lateness = 5 * time.Second
)

func followCommand(flags *flag.FlagSet) task {
	since := flags.Duration("since", 0, "begin so far back")
	all := flags.Bool("all", false, "also lines that say only that there was a run, those with metrics, and each line's invocation and trace")
	errors := flags.Bool("errors", false, "only errors, and runs that came to a bad end")
	once := flags.Bool("once", false, "stop after what was said so far")
	return func(ctx context.Context, s *session, args []string) error {
		groups, err := s.groups(ctx)
		if err != nil {
			return err
		}
		if len(args) > 0 {
			if groups, err = named(groups, args[0]); err != nil {
				return err
			}
		}
		s.head()
		if s.json {
			if err := s.encode(map[string]where{"stage": s.where()}, ""); err != nil {
				return err
			}
		}
		f := follower{groups: groups, from: s.now.Add(-*since), seen: map[seen]bool{}}
		for {
			entries, err := f.next(ctx, s)
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			for _, e := range entries {
				if !*all && (e.routine() || e.measures()) || *errors && !e.failed() {
					continue
				}
				switch {
				case s.json:
					if err := s.encode(e, ""); err != nil {
						return err
					}
				case *all:
					e.write(s.out, f.widest())
				default:
					e.write(s.out, f.widest(), "invocation", "trace")
				}
			}
			if *once {
				return nil
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(followEvery):
			}
		}
	}
}

// named are the groups of the function of that name.
func named(groups []logs.Group, name string) ([]logs.Group, error) {
	var names []string
	for _, g := range groups {
		if g.Label == name || g.Function == name {
			return []logs.Group{g}, nil
		}
		names = append(names, g.Label)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, errors.New("the stack has no functions with logs of their own")
	}
	return nil, usageError{fmt.Errorf("there is no function %q: choose of %s", name, strings.Join(names, ", "))}
}

// follower goes on where it was. A line may come late, and equal lines may come twice.
type follower struct {
	groups []logs.Group
	from   time.Time
	seen   map[seen]bool
}

type seen struct {
	logs.Event
	nth int // among equal lines
}

func (f *follower) next(ctx context.Context, s *session) ([]entry, error) {
	found, err := logs.Read(ctx, s.Config, f.groups, f.from, "")
	if err != nil {
		return nil, err
	}
	times, now := map[logs.Event]int{}, map[seen]bool{}
	var fresh []entry
	for _, e := range found {
		times[e]++
		key := seen{e, times[e]}
		now[key] = true
		if !f.seen[key] {
			fresh = append(fresh, read(e))
		}
		if late := e.Time.Add(-lateness); late.After(f.from) {
			f.from = late
		}
	}
	f.seen = now
	return inOrder(fresh), nil
}

func (f *follower) widest() (n int) {
	for _, g := range f.groups {
		n = max(n, len(g.Label))
	}
	return n
}
