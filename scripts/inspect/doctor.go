package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/resources"
)

// finding is what a check found.
type finding struct {
	State state  `json:"state"`
	Check string `json:"check"`
	Says  string `json:"says"`
	// Do is what to do about it.
	Do string `json:"do,omitempty"`
}

// state is how well something is.
type state string

const (
	fine    state = "ok"
	note    state = "note" // nothing is wrong, but somebody should know
	bad     state = "bad"
	unknown state = "unknown" // nobody could look
)

func ok(says string, args ...any) finding {
	return finding{State: fine, Says: fmt.Sprintf(says, args...)}
}

func know(do, says string, args ...any) finding {
	return finding{State: note, Says: fmt.Sprintf(says, args...), Do: do}
}

func wrong(do, says string, args ...any) finding {
	return finding{State: bad, Says: fmt.Sprintf(says, args...), Do: do}
}

// check looks at one side of a stage.
type check struct {
	name string
	look func(context.Context, *patient) ([]finding, error)
}

var checks = []check{
	{"stack", checkStack},
	{"tokens", checkTokens},
	{"functions", checkFunctions},
	{"sources", checkSources},
	{"reconciler", checkReconciler},
	{"tables", checkTables},
	{"files", checkFiles},
	{"queues", checkQueues},
	{"alarms", checkAlarms},
	{"permissions", checkPermissions},
	{"permissions", checkRefusals},
	{"errors", checkErrors},
	{"logs", checkRetention},
	{"quotas", checkQuotas},
}

// patient is the stage that is looked at, with what more than one check needs.
type patient struct {
	*session
	parts  []resources.Resource
	groups []logs.Group
	// functions are those that were looked at, by their names.
	functions map[string]*lambda.GetFunctionConfigurationOutput
	// errors are what went wrong lately, read once.
	errors func() ([]entry, error)
}

// of are the ids of the stack's resources of a type.
func (p *patient) of(ofType string) (ids []string) {
	for _, r := range p.parts {
		if r.Type == ofType {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// shortName is what the template calls a resource, without the hash that tells it apart.
func (p *patient) shortName(id string) string {
	for _, r := range p.parts {
		if r.ID == id {
			return hash.ReplaceAllString(r.LogicalID, "")
		}
	}
	return id
}

var hash = regexp.MustCompile(`[0-9A-F]{8}$`)

func doctorCommand(*flag.FlagSet) task {
	return func(ctx context.Context, s *session, _ []string) error {
		p := &patient{session: s, functions: map[string]*lambda.GetFunctionConfigurationOutput{}}
		var err error
		if p.parts, err = resources.Of(ctx, s.Config, s.Stack.Name, ""); err != nil {
			return fmt.Errorf("%w (is this the account and region of the stack?)", err)
		}
		p.groups = logs.In(p.parts, slices.Sorted(maps.Keys(s.workers))...)
		p.errors = sync.OnceValues(func() ([]entry, error) { return p.readErrors(ctx) })
		var all []finding
		for _, c := range checks {
			found, err := c.look(ctx, p)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				found = append(found, unseen(s, err))
			}
			for _, f := range found {
				f.Check = c.name
				all = append(all, f)
			}
		}
		if err := s.tell(all, func(out io.Writer) error { return showFindings(out, all, s) }); err != nil {
			return err
		}
		for _, f := range all {
			if f.State == bad || f.State == unknown {
				return errUnwell
			}
		}
		return nil
	}
}

// unseen says that nobody could look, and what would help.
func unseen(s *session, err error) finding {
	f := finding{State: unknown, Says: err.Error(), Do: "try again; the message is AWS's"}
	if denied(err) {
		f.Do = "grant what the message names to " + s.Caller
	}
	return f
}

func showFindings(out io.Writer, all []finding, s *session) error {
	marks := map[state]string{fine: "ok", note: "note", bad: "BAD", unknown: "?"}
	many := map[state]int{}
	last := ""
	for _, f := range all {
		many[f.State]++
		name := f.Check
		if name == last {
			name = ""
		}
		last = f.Check
		head := fmt.Sprintf("  %-4s  %-11s  ", marks[f.State], name)
		fmt.Fprintln(out, fold(head+plain(f.Says), len(head)))
		if f.Do != "" {
			fmt.Fprintln(out, fold(strings.Repeat(" ", len(head))+"→ "+plain(f.Do), len(head)+2))
		}
	}
	fmt.Fprintf(out, "\n%d ok, %d to know, %d to do, %d unknown; looked at as\n%s\n", many[fine], many[note], many[bad], many[unknown], s.Caller)
	return nil
}
