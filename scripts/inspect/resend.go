package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/protocol"
)

// requests is what resend needs of the requests table. It only reads.
type requests interface {
	Get(ctx context.Context, key lifecycle.Key) (row lifecycle.Row, exists bool, err error)
	Open(ctx context.Context, shard int, before time.Time, page string) (rows []lifecycle.Row, next string, err error)
}

// sender puts hints into the work queues of their actions.
type sender interface {
	Send(ctx context.Context, hints []queue.Hint) error
}

// found is what there is to send again.
type found struct {
	requests []request
	// hidden is about how many more dead letters someone else reads; more says that there
	// are more than one run reads.
	hidden int
	more   bool
}

// withLetters reads the dead letters and what they are about, has something done about them,
// and makes those visible again that were not deleted.
func (s *session) withLetters(ctx context.Context, do func(found) (deleted []letter, err error)) (err error) {
	letters := deadLetters{client: s.queues, url: s.dead}
	hidden, err := letters.hiddenNow(ctx)
	if err != nil {
		return err
	}
	all, more, err := letters.read(ctx)
	kept := all
	defer func() { err = errors.Join(err, letters.release(ctx, kept)) }()
	if err != nil {
		return err
	}
	about, err := look(ctx, s.requests, all, s.now)
	if err != nil {
		return err
	}
	deleted, err := do(found{about, hidden, more})
	kept = without(all, deleted)
	return err
}

// look reads the requests that letters name, and those that are open.
func look(ctx context.Context, from requests, letters []letter, now time.Time) ([]request, error) {
	rows := map[lifecycle.Key]lifecycle.Row{}
	for _, l := range letters {
		if _, seen := rows[l.key]; seen || l.unreadable != nil {
			continue
		}
		row, exists, err := from.Get(ctx, l.key)
		if err != nil {
			return nil, err
		}
		if exists {
			rows[l.key] = row
		}
	}
	var open []lifecycle.Row
	if err := everyOpen(ctx, from, now, func(row lifecycle.Row) { open = append(open, row) }); err != nil {
		return nil, err
	}
	return gather(letters, rows, open), nil
}

// letterListed is a dead letter in a list.
type letterListed struct {
	Message  string          `json:"message_id"`
	ID       string          `json:"request_id,omitempty"`
	Tenant   string          `json:"tenant,omitempty"`
	Status   protocol.Status `json:"status,omitempty"` // none: there is no such request
	Body     string          `json:"body,omitempty"`   // of one that nobody can read
	SentAt   time.Time       `json:"sent_at,omitzero"`
	Received int             `json:"received"`
}

func deadLettersCommand(*flag.FlagSet) task {
	return func(ctx context.Context, s *session, _ []string) error {
		return s.withLetters(ctx, func(f found) ([]letter, error) {
			letters, open := []letterListed{}, []listed{}
			for _, r := range f.requests {
				for _, l := range r.dead {
					one := letterListed{Message: l.message, ID: r.key.ID, Tenant: r.key.Tenant, Status: r.row.Status, SentAt: l.sent.UTC(), Received: l.received}
					if !r.readable() {
						one.Body = l.body
					}
					letters = append(letters, one)
				}
				if r.open(s.now) {
					open = append(open, listedRow(r.row, s.now))
				}
			}
			return nil, s.tell(struct {
				Letters []letterListed `json:"dead_letters"`
				Open    []listed       `json:"open"`
				Hidden  int            `json:"hidden"`
				More    bool           `json:"more"`
			}{letters, open, f.hidden, f.more}, func(out io.Writer) error {
				f.warn(out)
				return show(out, f.requests, open, s.now)
			})
		})
	}
}

func resendCommand(flags *flag.FlagSet) task {
	var which selection
	flags.Func("id", "a request's id, or the message id of a dead letter that nobody can read; may be given again", func(id string) error {
		if id == "" {
			return errors.New("no id")
		}
		which.ids = append(which.ids, id)
		return nil
	})
	flags.DurationVar(&which.olderThan, "older-than", 0, "dead letters sent, and open requests waiting, for longer than this")
	flags.BoolVar(&which.all, "all", false, "every dead letter and every open request")
	discard := flags.Bool("discard", false, "delete the selected dead letters that nobody can read")
	return func(ctx context.Context, s *session, _ []string) error {
		if err := which.validate(); err != nil {
			return usageError{err}
		}
		return s.withLetters(ctx, func(f found) (deleted []letter, err error) {
			if none := which.missing(f.requests); len(none) > 0 { // no reason to leave the others
				defer func() {
					err = errors.Join(err, fmt.Errorf("no dead letter and no open request has the id %s", strings.Join(none, ", ")))
				}()
			}
			return s.resend(ctx, f, which.of(f.requests, *discard, s.now))
		})
	}
}

// resend says what is to be done about some requests, asks, and does it.
func (s *session) resend(ctx context.Context, f found, some []request) (deleted []letter, err error) {
	tellAll := func(acted bool) error {
		plans := []plan{}
		for _, r := range some {
			plans = append(plans, r.plan())
		}
		return s.tell(plans, func(out io.Writer) error {
			f.warn(out)
			return tell(out, some, acted)
		})
	}
	if !changes(some) {
		return nil, tellAll(false)
	}
	if !s.yes {
		if s.asks && s.json { // a program's question is a person's: the answer comes at the end
			s.head()
		} else if err := tellAll(false); err != nil {
			return nil, err
		}
		if err := s.confirm("Do that?"); err != nil {
			return nil, err
		}
		f = found{}
	}
	deleted, failed := s.act(ctx, some)
	return deleted, errors.Join(tellAll(true), failed)
}

// plan is what is to be done about a request, or what was.
type plan struct {
	ID      string          `json:"request_id,omitempty"`
	Tenant  string          `json:"tenant,omitempty"`
	Status  protocol.Status `json:"status,omitempty"`
	Letters []string        `json:"dead_letters"` // message ids
	Step    step            `json:"step"`
	Done    string          `json:"done,omitempty"`
}

func (r request) plan() plan {
	p := plan{ID: r.key.ID, Tenant: r.key.Tenant, Status: r.row.Status, Letters: []string{}, Step: r.step, Done: r.done}
	for _, l := range r.dead {
		p.Letters = append(p.Letters, l.message)
	}
	return p
}

// warn says what else there is.
func (f found) warn(out io.Writer) {
	if f.hidden > 0 {
		fmt.Fprintf(out, "About %d more dead letters are hidden: someone else reads them, or did\nless than %s ago.\n", f.hidden, hidden)
	}
	if f.more {
		fmt.Fprintf(out, "There are more dead letters than the %d read: run this again after it.\n", maxLetters)
	}
}

// show lists the dead letters, then the open requests, also those with dead letters.
func show(out io.Writer, all []request, open []listed, now time.Time) error {
	lines := [][]string{{"REQUEST", "TENANT", "AGE", "READ", "STATUS"}}
	for _, r := range all {
		for _, l := range r.dead {
			lines = append(lines, []string{r.name(), dash(r.key.Tenant), age(l.sent, now), received(l), r.status(now)})
		}
	}
	if err := table(out, "dead letters", lines); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return showListed(out, "open requests", open, false, now)
}

// tell says what would be done about each request, or what was.
func tell(out io.Writer, all []request, acted bool) error {
	lines := [][]string{{"REQUEST", "STATUS", "LETTERS", "WHAT TO DO"}}
	if acted {
		lines[0] = append(lines[0], "DONE")
	}
	for _, r := range all {
		status := "-"
		switch {
		case r.exists:
			status = string(r.row.Status)
		case r.readable():
			status = "none"
		}
		line := []string{r.name(), status, strconv.Itoa(len(r.dead)), string(r.step)}
		if acted {
			line = append(line, r.done)
		}
		lines = append(lines, line)
	}
	return table(out, "selected", lines)
}

// name is the request's id, or that of the dead letter that names none.
func (r request) name() string {
	if r.readable() {
		return r.key.ID
	}
	return plain(r.dead[0].message)
}

// status is the row's, with what it means for a hint.
func (r request) status(now time.Time) string {
	switch {
	case !r.readable():
		const most = 26
		body := r.dead[0].body
		if len(body) > most {
			body = body[:most-3] + "..."
		}
		return "unreadable: " + strconv.QuoteToASCII(body)
	case !r.exists:
		return "no such request"
	case r.open(now):
		since, _ := due(r.row, now)
		return fmt.Sprintf("%s, %s", r.row.Status, waiting(since, now))
	}
	return string(r.row.Status)
}

func received(l letter) string {
	if l.received == 0 {
		return "-"
	}
	return strconv.Itoa(l.received)
}
