package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// listed is a request in a list.
type listed struct {
	ID          string          `json:"request_id"`
	Tenant      string          `json:"tenant"`
	User        string          `json:"user"`
	Action      string          `json:"action"`
	Status      protocol.Status `json:"status"`
	Attempt     int             `json:"attempt"`
	MaxAttempts int             `json:"max_attempts,omitempty"` // unknown in a list of a tenant
	Code        protocol.Code   `json:"code,omitempty"`
	AcceptedAt  time.Time       `json:"accepted_at"`
	EndedAt     time.Time       `json:"ended_at,omitzero"`
	// DueAt is when an open request wants a worker, or wanted one; unknown in a list of a
	// tenant.
	DueAt time.Time `json:"due_at,omitzero"`
}

func listedRow(row lifecycle.Row, now time.Time) listed {
	l := listed{
		ID: row.Key().ID, Tenant: row.Key().Tenant, User: row.User, Action: row.Action, Status: row.Status,
		Attempt: row.Attempt, MaxAttempts: row.MaxAttempts, Code: row.Code,
		AcceptedAt: instant(row.CreatedAt), EndedAt: instant(row.EndedAt),
	}
	if !row.Status.Terminal() {
		l.DueAt, _ = due(row, now)
		l.DueAt = l.DueAt.UTC()
	}
	return l
}

// filter is which requests are meant.
type filter struct {
	who
	status    protocol.Status
	action    string
	open      bool
	olderThan time.Duration
	within    time.Duration
	limit     int
}

var statuses = []protocol.Status{protocol.Pending, protocol.Processing, protocol.Retrying, protocol.Completed, protocol.Failed, protocol.Cancelled}

func requestsCommand(flags *flag.FlagSet) task {
	var f filter
	f.who.flags(flags)
	flags.Func("status", "only those in this status", func(text string) error {
		if f.status = protocol.Status(strings.ToUpper(text)); !slices.Contains(statuses, f.status) {
			return fmt.Errorf("want one of %v", statuses)
		}
		return nil
	})
	flags.StringVar(&f.action, "action", "", "only those of this action")
	flags.BoolVar(&f.open, "open", false, "only those that have not ended")
	flags.DurationVar(&f.olderThan, "older-than", 0, "only those accepted longer ago than this")
	flags.DurationVar(&f.within, "within", lookBack, "how far back a tenant's are listed")
	flags.IntVar(&f.limit, "limit", 50, "how many at most")
	return func(ctx context.Context, s *session, _ []string) error {
		if err := f.validate(); err != nil {
			return err
		}
		all, more, err := f.find(ctx, s)
		if err != nil {
			return err
		}
		return s.tell(all, func(out io.Writer) error { return showListed(out, f.heading(), all, more, s.now) })
	}
}

func (f *filter) validate() error {
	if err := f.who.validate(); err != nil {
		return err
	}
	if f.limit < 1 || f.within <= 0 || f.olderThan < 0 {
		return usageError{errors.New("-limit and -within must be above zero, -older-than not below it")}
	}
	if f.status != "" && f.status.Terminal() {
		if f.open {
			return usageError{fmt.Errorf("%s is the status of no open request: leave out -open", f.status)}
		}
		if f.tenant == "" {
			return usageError{errors.New("requests that have ended are listed by tenant: give -tenant")}
		}
	}
	f.open = f.open || f.tenant == "" // nothing else is listed for all tenants
	return nil
}

func (f *filter) heading() string {
	what := "requests"
	if f.open {
		what = "open requests"
	}
	switch {
	case f.user != "":
		what += " of " + of(f.tenant, f.user)
	case f.tenant != "":
		what += " of " + plain(f.tenant)
	}
	if !f.open && f.user == "" {
		what += ", the last " + hours(f.within)
	}
	return what
}

// find lists what is meant, the newest first, and says whether there are more.
func (f *filter) find(ctx context.Context, s *session) (all []listed, more bool, err error) {
	all = []listed{}
	// take adds a request that is meant, and reports whether there is room for more.
	take := func(l listed) bool {
		if f.takes(l, s.now) {
			all = append(all, l)
		}
		return len(all) <= f.limit
	}
	switch {
	case f.open && f.user == "":
		err = f.ofOpen(ctx, s, take)
	case f.user != "":
		err = f.ofUser(ctx, s, take)
	default:
		err = f.ofTenant(ctx, s, take)
	}
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(all, func(a, b listed) int {
		return cmp.Or(b.AcceptedAt.Compare(a.AcceptedAt), cmp.Compare(a.ID, b.ID))
	})
	if len(all) > f.limit {
		return all[:f.limit], true, nil
	}
	return all, false, nil
}

func (f *filter) takes(l listed, now time.Time) bool {
	return (f.tenant == "" || l.Tenant == f.tenant) && (f.user == "" || l.User == f.user) &&
		(f.status == "" || l.Status == f.status) && (f.action == "" || l.Action == f.action) &&
		(!f.open || !l.Status.Terminal()) && now.Sub(l.AcceptedAt) >= f.olderThan
}

// ofOpen reads the index of open requests, whole: it is short, and in no order of age.
func (f *filter) ofOpen(ctx context.Context, s *session, take func(listed) bool) error {
	return everyOpen(ctx, s.requests, s.now, func(row lifecycle.Row) { take(listedRow(row, s.now)) })
}

// everyOpen reads the requests that have not ended.
func everyOpen(ctx context.Context, from requests, now time.Time, take func(lifecycle.Row)) error {
	for shard := range contract.OpenShards {
		for page, more := "", true; more; {
			rows, next, err := from.Open(ctx, shard, now, page)
			if err != nil {
				return err
			}
			for _, row := range rows {
				take(row)
			}
			page, more = next, next != ""
		}
	}
	return nil
}

func (f *filter) ofUser(ctx context.Context, s *session, take func(listed) bool) error {
	for at, more := (store.Position{}), true; more; {
		rows, last, err := s.requests.ByUser(ctx, f.tenant, f.user, at, store.MaxByUser)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !row.Expired(s.now) && !take(listedRow(row, s.now)) {
				return nil
			}
		}
		at, more = last, last != (store.Position{})
	}
	return nil
}

// ofTenant goes back day by day. A day's pages come the oldest first, so each is read whole.
func (f *filter) ofTenant(ctx context.Context, s *session, take func(listed) bool) error {
	first := s.now.Add(-f.within)
	for day := s.now.UTC().Truncate(24 * time.Hour); !day.Before(first.UTC().Truncate(24 * time.Hour)); day = day.Add(-24 * time.Hour) {
		room := true
		for page, more := "", true; more; {
			rows, next, err := s.requests.Day(ctx, f.tenant, day, page)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if !r.CreatedAt.Before(first) {
					room = take(listedSummary(f.tenant, r))
				}
			}
			page, more = next, next != ""
		}
		if !room {
			return nil
		}
	}
	return nil
}

func listedSummary(tenant string, r streamer.Summary) listed {
	return listed{
		ID: r.ID, Tenant: tenant, User: r.User, Action: r.Action, Status: r.Status,
		Attempt: r.Attempt, Code: r.Code, AcceptedAt: r.CreatedAt, EndedAt: r.EndedAt,
	}
}

func showListed(out io.Writer, heading string, all []listed, more bool, now time.Time) error {
	lines := [][]string{{"REQUEST", "STATUS", "TRY", "AGE", "ACTION", "OF", "NOTE"}}
	for _, l := range all {
		tries := fmt.Sprint(l.Attempt)
		if l.MaxAttempts > 0 {
			tries += fmt.Sprintf("/%d", l.MaxAttempts)
		}
		lines = append(lines, []string{l.ID, string(l.Status), tries, age(l.AcceptedAt, now), plain(l.Action), of(l.Tenant, l.User), l.note(now)})
	}
	if err := table(out, heading, lines); err != nil {
		return err
	}
	if more {
		fmt.Fprintln(out, "There are more: -limit shows them.")
	}
	return nil
}

// note is why a request failed, or how long an open one has been waiting.
func (l listed) note(now time.Time) string {
	switch {
	case l.Status.Terminal():
		return plain(string(l.Code))
	case l.DueAt.IsZero(), l.Status == protocol.Processing && l.DueAt.After(now): // a worker has it
		return ""
	}
	return waiting(l.DueAt, now)
}

// waiting says how long an open request has been waiting for a hint, or when it will want
// one.
func waiting(due, now time.Time) string {
	if due.After(now) {
		return "due in " + span(due.Sub(now))
	}
	return "due for " + age(due, now)
}
