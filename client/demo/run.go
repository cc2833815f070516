package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/client"
)

// The exit codes beside 0.
const (
	exitFailed      = 1
	exitInterrupted = 130 // what a shell makes of Ctrl-C
)

// run does what the command line says and returns the exit code.
func (p program) run(ctx context.Context, args []string) int {
	s, err := parse(args, p.getenv, p.stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return p.fail(err)
	}
	c, err := client.Dial(ctx, s.url, &client.Options{Token: client.StaticToken(s.token)})
	if _, refused := errors.AsType[*client.HandshakeError](err); refused && s.token == "" {
		err = fmt.Errorf("%w (no token was given: set STREAMER_TOKEN or give -token)", err)
	}
	if err != nil {
		return p.fail(err)
	}
	defer c.Close()
	rows := p.watch(ctx, c, s)
	code := p.report(ctx, s, rows)
	if code == 0 && s.save != "" {
		code = p.save(ctx, s.save, rows[len(rows)-1].result)
	}
	return code
}

// fail prints why nothing came of it.
func (p program) fail(err error) int {
	fmt.Fprintln(p.stderr, "demo:", clean(err.Error()))
	return exitFailed
}

// change is a row as it is now.
type change struct {
	at  int
	row row
}

// watch follows all jobs until each has ended or ctx has, and shows them meanwhile.
func (p program) watch(ctx context.Context, c *client.Client, s settings) []row {
	rows := numbered(s.jobs)
	changes := make(chan change)
	var following sync.WaitGroup
	for i, j := range s.jobs {
		first := rows[i]
		following.Go(func() {
			follow(ctx, c, j, first, func(r row) { changes <- change{i, r} })
		})
	}
	go func() {
		following.Wait()
		close(changes)
	}()
	shown, stop := context.WithCancel(ctx)
	defer stop()
	return show(p.view(s), rows, changes, states(shown, c))
}

// numbered is a row for each job, told apart by a number where actions are the same.
func numbered(jobs []job) []row {
	count, nth := map[string]int{}, map[string]int{}
	for _, j := range jobs {
		count[j.action]++
	}
	rows := make([]row, len(jobs))
	for i, j := range jobs {
		rows[i] = row{action: j.action, id: j.watch, started: time.Now()}
		if nth[j.action]++; j.action != "" && count[j.action] > 1 {
			rows[i].number = fmt.Sprintf(" %d", nth[j.action])
		}
	}
	return rows
}

// follow does one job and tells each change of its row. It returns when the row has ended
// or ctx has.
func follow(ctx context.Context, c *client.Client, j job, r row, tell func(row)) {
	err := through(ctx, c, j, &r, tell)
	_, said := errors.AsType[*client.Error](err)
	r.done = err == nil || said
	if r.done || ctx.Err() == nil {
		r.err = err
	}
	r.ended = time.Now()
	tell(r)
}

func through(ctx context.Context, c *client.Client, j job, r *row, tell func(row)) error {
	run, err := begin(ctx, c, j, r)
	if err != nil {
		return err
	}
	r.id = run.ID()
	for update, err := range run.Updates(ctx) {
		if err != nil {
			return err
		}
		if r.update = update; !update.Status.Terminal() {
			tell(*r)
		}
	}
	r.result, err = run.Result(ctx)
	return err
}

func begin(ctx context.Context, c *client.Client, j job, r *row) (*client.Run[json.RawMessage], error) {
	if j.watch == "" {
		action := streamer.Action[json.RawMessage, json.RawMessage]{Name: j.action}
		return client.Submit(ctx, c, action, j.payload, nil)
	}
	stored, err := c.Get(ctx, j.watch)
	if err != nil {
		return nil, err
	}
	r.action, r.started = stored.Action, time.UnixMilli(stored.CreatedAt)
	return client.Watch[json.RawMessage](ctx, c, j.watch)
}

// report prints what came of each row, and how to come back to those that go on.
func (p program) report(ctx context.Context, s settings, rows []row) int {
	code, open := 0, []string(nil)
	for i, r := range rows {
		saved := s.save != "" && i == len(rows)-1
		switch {
		case s.json:
			fmt.Fprintln(p.stdout, r.json())
		case r.result != nil:
			fmt.Fprintln(p.stdout, r.text(!saved))
		}
		if r.err != nil {
			code = p.fail(fmt.Errorf("%s: %s", r.label(), r.problem()))
		}
		if r.id != "" && !r.done {
			open = append(open, "-watch "+r.id)
		}
	}
	if ctx.Err() != nil {
		fmt.Fprintln(p.stderr, "demo: interrupted")
		code = exitInterrupted
	}
	if len(open) > 0 {
		fmt.Fprintf(p.stderr, "What was accepted goes on. Come back to it with\n  go run ./client/demo %s\n", strings.Join(open, " "))
	}
	return code
}
