package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// Ledgers are items of the requests table that say what counts against a limit. Each is
// changed under its conditions and in one step, so that it never holds more than it may.
type Ledgers interface {
	// Enter puts an entry into a ledger, which need not be there yet. If there is no room
	// for it, or no time, the error is a *LedgerError with the ledger as it stood.
	Enter(ctx context.Context, ledger string, e Entry) error
	// Look notes that somebody looks now which entries still count. If somebody has since
	// then, the error is a *LedgerError.
	Look(ctx context.Context, ledger string, now, since time.Time) error
	// Strike takes entries out of a ledger; those that are not in it are no error.
	Strike(ctx context.Context, ledger string, entries []string) error
	// Rows reads requests of a tenant by their ids, consistently. Those that are not there
	// are left out.
	Rows(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error)
}

// Entry is what is put into a ledger, and under which conditions. At least one of Most and
// Every is set.
type Entry struct {
	// Text is what is noted. Empty: nothing is.
	Text string
	// Most is how many entries there may be with it. Zero: any number.
	Most int
	// Now and Every are the pace: an entry pays for a time of Every, and those that are
	// there may have paid up to Ahead of now. Zero: any pace. Paid tells which of the two
	// conditions to try: whether what was paid for reaches beyond now.
	Now          time.Time
	Every, Ahead time.Duration
	Paid         bool
	// Expires is when the ledger may vanish if nothing more is entered.
	Expires time.Time
}

// Ledger is what stands in one. Times are Unix microseconds.
type Ledger struct {
	Entries  []string `dynamodbav:"entries,stringset,omitempty"`
	PaidTo   int64    `dynamodbav:"paid_to,omitempty"`
	LookedAt int64    `dynamodbav:"looked_at,omitempty"`
	TTL      int64    `dynamodbav:"ttl"`
}

// The attributes of a ledger.
const (
	ledgerEntries  lifecycle.Field = "entries"
	ledgerPaidTo   lifecycle.Field = "paid_to"
	ledgerLookedAt lifecycle.Field = "looked_at"
)

// LedgerError says that a ledger did not take an entry, and what stood there.
type LedgerError struct{ Ledger Ledger }

// Error implements error.
func (e *LedgerError) Error() string {
	return fmt.Sprintf("the ledger takes nothing: it has %d entries", len(e.Ledger.Entries))
}

// update is the entry as data: its conditions, and what it changes.
func (e Entry) update() lifecycle.Update {
	u := lifecycle.Update{Name: "enter", Set: map[lifecycle.Field]any{contract.TTL: e.Expires.Unix()}, Among: ledgerEntries}
	if e.Text != "" {
		u.Join = []string{e.Text}
	}
	room := []lifecycle.Guard{{}}
	if e.Most > 0 {
		room = []lifecycle.Guard{
			{{Field: ledgerEntries, Op: lifecycle.Missing}}, {{Field: ledgerEntries, Op: lifecycle.Smaller, Value: int64(e.Most)}},
		}
	}
	pace, now := []lifecycle.Guard{{}}, e.Now.UnixMicro()
	switch {
	case e.Every == 0:
	case e.Paid:
		pace = []lifecycle.Guard{{
			{Field: ledgerPaidTo, Op: lifecycle.Above, Value: now},
			{Field: ledgerPaidTo, Op: lifecycle.AtMost, Value: now + e.Ahead.Microseconds()},
		}}
		u.Add = map[lifecycle.Field]int64{ledgerPaidTo: e.Every.Microseconds()}
	default:
		pace = notAbove(ledgerPaidTo, now)
		u.Set[ledgerPaidTo] = now + e.Every.Microseconds()
	}
	for _, r := range room {
		for _, p := range pace {
			u.When = append(u.When, slices.Concat(r, p))
		}
	}
	return u
}

// look is Ledgers.Look as data.
func look(now, since time.Time) lifecycle.Update {
	return lifecycle.Update{
		Name: "look", When: notAbove(ledgerLookedAt, since.UnixMicro()),
		Set: map[lifecycle.Field]any{ledgerLookedAt: now.UnixMicro()},
	}
}

// strike is Ledgers.Strike as data. What does not hold is a ledger without entries.
func strike(entries []string) lifecycle.Update {
	return lifecycle.Update{
		Name: "strike", When: []lifecycle.Guard{{{Field: ledgerEntries, Op: lifecycle.Smaller, Value: int64(math.MaxInt32)}}},
		Leave: entries, Among: ledgerEntries,
	}
}

func notAbove(f lifecycle.Field, at int64) []lifecycle.Guard {
	return []lifecycle.Guard{{{Field: f, Op: lifecycle.Missing}}, {{Field: f, Op: lifecycle.AtMost, Value: at}}}
}

// struck is the error of a Strike: where there is nothing to strike, nothing is wrong.
func struck(err error) error {
	if _, empty := errors.AsType[*LedgerError](err); empty {
		return nil
	}
	return err
}

func ledgerOf(it item) error {
	var l Ledger
	if err := attributevalue.UnmarshalMap(it, &l); err != nil {
		return fmt.Errorf("decode ledger: %w", err)
	}
	return &LedgerError{l}
}

var _ Ledgers = DynamoRequests{}

// Enter implements Ledgers.
func (d DynamoRequests) Enter(ctx context.Context, ledger string, e Entry) error {
	return d.book(ctx, ledger, e.update())
}

// Look implements Ledgers.
func (d DynamoRequests) Look(ctx context.Context, ledger string, now, since time.Time) error {
	return d.book(ctx, ledger, look(now, since))
}

// Strike implements Ledgers.
func (d DynamoRequests) Strike(ctx context.Context, ledger string, entries []string) error {
	return struck(d.book(ctx, ledger, strike(entries)))
}

func (d DynamoRequests) book(ctx context.Context, ledger string, u lifecycle.Update) error {
	_, err := d.update(ctx, item{
		contract.PK: &types.AttributeValueMemberS{Value: ledger}, contract.SK: &types.AttributeValueMemberS{Value: contract.SKLedger},
	}, u, types.ReturnValueNone)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		return ledgerOf(failed.Item)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", u.Name, err)
	}
	return nil
}

// Rows implements Ledgers.
func (d DynamoRequests) Rows(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error) {
	rows := map[string]lifecycle.Row{}
	for some := range slices.Chunk(ids, MaxByUser) {
		got, err := d.batch(ctx, tenant, some)
		if err != nil {
			return nil, err
		}
		maps.Copy(rows, got)
	}
	return rows, nil
}

var _ Ledgers = (*Memory)(nil)

// Enter implements Ledgers.
func (m *Memory) Enter(ctx context.Context, ledger string, e Entry) error {
	return m.book(ctx, ledger, e.update())
}

// Look implements Ledgers.
func (m *Memory) Look(ctx context.Context, ledger string, now, since time.Time) error {
	return m.book(ctx, ledger, look(now, since))
}

// Strike implements Ledgers.
func (m *Memory) Strike(ctx context.Context, ledger string, entries []string) error {
	return struck(m.book(ctx, ledger, strike(entries)))
}

func (m *Memory) book(ctx context.Context, ledger string, u lifecycle.Update) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", u.Name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	it, held, err := exchange(m.ledgers, ledger, u.When, func(old item) (item, error) { return apply(old, u) })
	if err != nil {
		return fmt.Errorf("%s: %w", u.Name, err)
	}
	if !held {
		return ledgerOf(it)
	}
	return nil
}

// Rows implements Ledgers.
func (m *Memory) Rows(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error) {
	rows := map[string]lifecycle.Row{}
	for _, id := range ids {
		row, exists, err := m.Get(ctx, lifecycle.Key{Tenant: tenant, ID: id})
		if err != nil {
			return nil, err
		}
		if exists {
			rows[id] = row
		}
	}
	return rows, nil
}
