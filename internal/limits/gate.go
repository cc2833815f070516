package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

const (
	// grace is how long a row may be behind its entry: longer than the router may run, which
	// is 29 seconds.
	grace = 40 * time.Second
	// lookEvery is how often the rows of a full ledger are looked at.
	lookEvery = time.Second
	// life is how long a ledger stays that nobody enters anything into: longer than any
	// request or connection.
	life = protocol.MaxDeadline + 24*time.Hour
	// tries is how often a ledger that moves is asked again.
	tries = 5
)

// Connections is what a gate needs of the connections table.
type Connections interface {
	Get(ctx context.Context, id string) (c store.Connection, exists bool, err error)
}

// Gate lets in what is within the limits. The nil one lets everything in. Its errors are
// *streamer.Error for what is refused, with details.retry_after_ms, or else those of a
// table that did not answer.
type Gate struct {
	Limits      contract.Limits
	Ledgers     store.Ledgers
	Connections Connections
	Clock       clock.Clock
}

// Submit lets a user's request in, under an id that need not be new. The row that is made of
// it must say that it was created at that very moment.
func (g *Gate) Submit(ctx context.Context, key lifecycle.Key, user string, now time.Time) error {
	if g == nil {
		return nil
	}
	return g.pass(ctx, kind{
		name: "requests", word: "requests that are open", code: protocol.TooManyRequests, paced: "submits more than %d requests",
		of:   func(a contract.Allowance) int { return a.Requests },
		pace: func(a contract.Allowance) int { return a.SubmitsPerSecond },
		began: func(ctx context.Context, ids []string) (map[string]int64, error) {
			return g.open(ctx, key.Tenant, ids)
		},
	}, key.Tenant, user, entry(key.ID, now))
}

// Connect lets a user's connection in. Its row must say that it was made at that very moment.
func (g *Gate) Connect(ctx context.Context, tenant, user, connection string, now time.Time) error {
	if g == nil {
		return nil
	}
	return g.pass(ctx, kind{
		name: "connections", word: "connections", code: protocol.TooManyConnections,
		of:    func(a contract.Allowance) int { return a.Connections },
		pace:  func(contract.Allowance) int { return 0 },
		began: g.live,
	}, tenant, user, entry(connection, now))
}

// Announce lets a user's upload be announced: at the pace of submissions, and beside them.
func (g *Gate) Announce(ctx context.Context, tenant, user, upload string, now time.Time) error {
	if g == nil {
		return nil
	}
	return g.pass(ctx, kind{
		name: "uploads", paced: "announces more than %d uploads",
		of:   func(contract.Allowance) int { return 0 },
		pace: func(a contract.Allowance) int { return a.SubmitsPerSecond },
	}, tenant, user, entry(upload, now))
}

// open is kind.began of requests.
func (g *Gate) open(ctx context.Context, tenant string, ids []string) (map[string]int64, error) {
	rows, err := g.Ledgers.Rows(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	began, soon := map[string]int64{}, g.Clock.Now().Add(grace)
	for id, row := range rows {
		switch {
		case row.Expired(soon): // another may take its place
		case row.Status.Terminal():
			began[id] = ended
		default:
			began[id] = row.CreatedAt
		}
	}
	return began, nil
}

// live is kind.began of connections.
func (g *Gate) live(ctx context.Context, ids []string) (map[string]int64, error) {
	now := g.Clock.Now()
	found, exists, failed := make([]store.Connection, len(ids)), make([]bool, len(ids)), make([]error, len(ids))
	var reads sync.WaitGroup
	for i, id := range ids {
		reads.Go(func() { found[i], exists[i], failed[i] = g.Connections.Get(ctx, id) })
	}
	reads.Wait()
	began := map[string]int64{}
	for i, id := range ids {
		switch {
		case !exists[i]:
		case found[i].Ended(now):
			began[id] = ended
		default:
			began[id] = found[i].ConnectedAt
		}
	}
	return began, errors.Join(failed...)
}

// kind is a kind of thing that is limited.
type kind struct {
	name, word string
	code       protocol.Code // of too many at once
	paced      string        // what too many a second are
	of, pace   func(contract.Allowance) int
	// began has when it began, in Unix milliseconds, for each id whose row is there, or that
	// it has ended.
	began func(ctx context.Context, ids []string) (map[string]int64, error)
}

// ended stands for the beginning of what counts no more.
const ended = 0

// pass makes an entry in the ledgers of a user and a tenant.
func (g *Gate) pass(ctx context.Context, k kind, tenant, user, text string) error {
	mine, err := g.enter(ctx, k, "user", lifecycle.UserKey(tenant, user), g.Limits.User, text)
	if err != nil {
		return err
	}
	_, err = g.enter(ctx, k, "tenant", lifecycle.TenantKey(tenant), g.Limits.Tenant, text)
	if err != nil && mine != "" {
		// What is left behind if this fails is struck by the next look.
		return errors.Join(err, g.Ledgers.Strike(ctx, mine, []string{text}))
	}
	return err
}

// enter puts an entry into one of the drawers that its id may go into, and returns that
// one's name: empty if there is no limit, or the id was in it already.
func (g *Gate) enter(ctx context.Context, k kind, who, whose string, a contract.Allowance, text string) (string, error) {
	c := cabinet{most: k.of(a), pace: k.pace(a)}
	if c.most == 0 && c.pace == 0 {
		return "", nil
	}
	var full error
	for _, n := range c.choices(idOf(text)) {
		name := ledger(k.name, n, whose)
		entered, err := g.book(ctx, k, name, c.drawer(n), text)
		if r, refused := errors.AsType[*refusal](err); refused {
			full = r.toldTo(k, who, c)
			continue
		}
		if !entered {
			name = ""
		}
		return name, err
	}
	return "", full
}

// refusal is what a drawer answers.
type refusal struct {
	tooFast bool
	after   time.Duration
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("refused for %s", r.after) }

func (r *refusal) toldTo(k kind, who string, c cabinet) error {
	e := streamer.Errorf(k.code, "the %s has %d %s, as many as are allowed: wait until one has ended", who, c.most, k.word)
	if r.tooFast {
		e = streamer.Errorf(protocol.TooFast, "the %s "+k.paced+" a second: slow down", who, c.pace)
	}
	e.Details = map[string]any{"limit": who, protocol.DetailRetryAfter: r.after.Milliseconds() + 1}
	return e
}

// book enters an id into one drawer. It tells whether that made an entry.
func (g *Gate) book(ctx context.Context, k kind, ledger string, d drawer, text string) (bool, error) {
	e := store.Entry{Most: d.most, Every: d.every, Ahead: d.ahead}
	if d.most > 0 {
		e.Text = text
	}
	looked := false
	for range tries {
		e.Now = g.Clock.Now()
		e.Expires = e.Now.Add(life)
		err := g.Ledgers.Enter(ctx, ledger, e)
		stood, refused := errors.AsType[*store.LedgerError](err)
		if !refused {
			return e.Text != "", err
		}
		l, now := stood.Ledger, e.Now.UnixMicro()
		if e.Text != "" && slices.Contains(l.Entries, e.Text) {
			return true, nil // the answer was lost to an earlier try
		}
		if over := l.PaidTo - now - d.ahead.Microseconds(); d.every > 0 && over > 0 {
			return false, &refusal{tooFast: true, after: time.Duration(over) * time.Microsecond}
		}
		e.Paid = l.PaidTo > now
		if e.Most == 0 || len(l.Entries) < e.Most {
			continue
		}
		already, err := counts(ctx, k, l.Entries, idOf(text))
		if err != nil {
			return false, err
		}
		if already { // an idempotency key that came again: nothing is made of it
			e.Most, e.Text = 0, ""
			if d.every == 0 {
				return false, nil
			}
			continue
		}
		if looked || l.LookedAt > now-lookEvery.Microseconds() {
			return false, &refusal{after: lookEvery}
		}
		if err := g.look(ctx, k, ledger, l.Entries); err != nil {
			return false, err
		}
		looked = true
	}
	return false, &refusal{after: lookEvery}
}

// counts reports whether what has an id is there and counts. It goes by the row: an entry
// without one is of an invocation that may yet take it back.
func counts(ctx context.Context, k kind, entries []string, id string) (bool, error) {
	if !slices.ContainsFunc(entries, func(text string) bool { return idOf(text) == id }) {
		return false, nil
	}
	began, err := k.began(ctx, []string{id})
	return began[id] != ended, err
}

// look strikes the entries of a ledger that count no more.
func (g *Gate) look(ctx context.Context, k kind, ledger string, entries []string) error {
	now := g.Clock.Now()
	err := g.Ledgers.Look(ctx, ledger, now, now.Add(-lookEvery))
	if _, other := errors.AsType[*store.LedgerError](err); other {
		return &refusal{after: lookEvery}
	}
	if err != nil {
		return err
	}
	ids := make([]string, len(entries))
	for i, text := range entries {
		ids[i] = idOf(text)
	}
	began, err := k.began(ctx, unique(ids))
	if err != nil {
		return err
	}
	var over []string
	for _, text := range entries {
		at := enteredAt(text)
		began, exists := began[idOf(text)]
		if exists && began != at.UnixMilli() || !exists && now.Sub(at) >= grace {
			over = append(over, text)
		}
	}
	if len(over) == 0 {
		return nil
	}
	return g.Ledgers.Strike(ctx, ledger, over)
}

// An entry is an id and when it came, to the nanosecond: each invocation has its own.
func entry(id string, now time.Time) string {
	return id + " " + strconv.FormatInt(now.UnixNano(), 36)
}

func idOf(text string) string {
	id, _, _ := strings.Cut(text, " ")
	return id
}

func enteredAt(text string) time.Time {
	_, at, _ := strings.Cut(text, " ")
	nanoseconds, _ := strconv.ParseInt(at, 36, 64) // entry wrote it
	return time.Unix(0, nanoseconds)
}

func unique(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}
