package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
)

// Memory is the requests table in memory, for tests and simulations: it carries out the
// same transitions as DynamoDB, over items in the same form. It pages two at a time, so
// that whoever lists must follow the pages.
type Memory struct {
	mu        sync.Mutex
	items     map[string]item
	ledgers   map[string]item
	documents map[string]document // beside the rows
	// OnPut, if set, is called with each row that a write leaves, as a stream would. It
	// must not call the table.
	OnPut func(lifecycle.Row)
}

// document is what is kept beside a row, until its time to live is over.
type document struct {
	text    string
	expires time.Time
}

// NewMemory makes an empty table.
func NewMemory() *Memory {
	return &Memory{items: map[string]item{}, ledgers: map[string]item{}, documents: map[string]document{}}
}

var _ Requests = (*Memory)(nil)

// Create implements Requests.
func (m *Memory) Create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	it, err := attributevalue.MarshalMap(row)
	if err != nil {
		return fmt.Errorf("encode request row: %w", err)
	}
	_, err = m.write(ctx, "create", row.PK, lifecycle.Vacant(now), func(item) (item, error) { return it, nil })
	return err
}

// Update implements Requests.
func (m *Memory) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	return m.write(ctx, u.Name, key.PK(), u.When, func(old item) (item, error) { return apply(old, u) })
}

func (m *Memory) write(ctx context.Context, name, pk string, when []lifecycle.Guard, change func(item) (item, error)) (lifecycle.Row, error) {
	if err := ctx.Err(); err != nil {
		return lifecycle.Row{}, fmt.Errorf("%s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, exists := m.items[pk]
	it, held, err := exchange(m.items, pk, when, change)
	if err != nil {
		return lifecycle.Row{}, fmt.Errorf("%s: %w", name, err)
	}
	row, err := decodeRow(it)
	switch {
	case err != nil:
		return row, fmt.Errorf("%s: %w", name, err)
	case !held:
		return lifecycle.Row{}, &RefusedError{Write: name, Row: row, Exists: exists}
	case m.OnPut != nil:
		m.OnPut(row)
	}
	return row, nil
}

// exchange changes an item if its guards hold, and returns it as it is then, or as it stood.
func exchange(items map[string]item, key string, when []lifecycle.Guard, change func(item) (item, error)) (it item, held bool, err error) {
	it = items[key]
	if held, err = holds(it, when); err != nil || !held {
		return it, held, err
	}
	changed, err := change(it)
	if err != nil {
		return it, false, err
	}
	items[key] = changed
	return changed, true, nil
}

// Get implements Requests.
func (m *Memory) Get(ctx context.Context, key lifecycle.Key) (lifecycle.Row, bool, error) {
	if err := ctx.Err(); err != nil {
		return lifecycle.Row{}, false, fmt.Errorf("get request: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	it, ok := m.items[key.PK()]
	if !ok {
		return lifecycle.Row{}, false, nil
	}
	row, err := decodeRow(it)
	return row, true, err
}

// PutPayload implements Requests.
func (m *Memory) PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error {
	return m.put(ctx, "put payload", key, payloadSK(hash), document{payload, expires}, func(kept document) bool {
		return kept.text == payload && !kept.expires.Before(expires)
	})
}

// PutState implements Requests.
func (m *Memory) PutState(ctx context.Context, key lifecycle.Key, hash []byte, state string, expires time.Time) error {
	return m.put(ctx, "put state", key, stateSK(hash), document{state, expires}, func(document) bool { return false })
}

// put keeps a document in place of the one that is there, unless that one stays.
func (m *Memory) put(ctx context.Context, what string, key lifecycle.Key, sk string, doc document, stays func(document) bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := key.PK() + sk
	if kept, exists := m.documents[at]; !exists || !stays(kept) {
		m.documents[at] = doc
	}
	return nil
}

// PutOnce implements Requests.
func (m *Memory) PutOnce(ctx context.Context, key lifecycle.Key, name, result string, expires time.Time) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("put effect: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	at := key.PK() + onceSK(name)
	if kept, exists := m.documents[at]; exists {
		return kept.text, nil
	}
	m.documents[at] = document{result, expires}
	return result, nil
}

// Payload implements Requests.
func (m *Memory) Payload(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	return m.document(ctx, "get payload", key, payloadSK(hash))
}

// State implements Requests.
func (m *Memory) State(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	return m.document(ctx, "get state", key, stateSK(hash))
}

// Once implements Requests.
func (m *Memory) Once(ctx context.Context, key lifecycle.Key, name string) (string, bool, error) {
	return perhaps(m.document(ctx, "get effect", key, onceSK(name)))
}

func (m *Memory) document(ctx context.Context, what string, key lifecycle.Key, sk string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	doc, ok := m.documents[key.PK()+sk]
	if !ok {
		return "", fmt.Errorf("%s: %w", what, errNoDocument)
	}
	return doc.text, nil
}

// Expire drops what there is of a request whose time to live is over at now. DynamoDB
// does so some day, and not of all of it at once; until then everything stays readable.
func (m *Memory) Expire(key lifecycle.Key, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.documents, func(at string, doc document) bool {
		return strings.HasPrefix(at, key.PK()) && !doc.expires.After(now)
	})
	row, err := decodeRow(m.items[key.PK()])
	if err == nil && row.Expired(now) {
		delete(m.items, key.PK())
	}
	return err
}

// Open implements Requests.
func (m *Memory) Open(ctx context.Context, shard int, before time.Time, page string) ([]lifecycle.Row, string, error) {
	return m.list(ctx, page, func(r lifecycle.Row) bool {
		return r.OpenShard == lifecycle.OpenShardKey(shard) && r.CreatedAt <= before.UnixMilli()
	})
}

// ByUser implements Requests.
func (m *Memory) ByUser(ctx context.Context, tenant, user string, after Position, most int) ([]lifecycle.Row, Position, error) {
	if err := ctx.Err(); err != nil {
		return nil, Position{}, fmt.Errorf("list requests of a user: %w", err)
	}
	rows, err := m.rows(func(r lifecycle.Row) bool {
		return r.UserKey == lifecycle.UserKey(tenant, user) && (after == (Position{}) || newest(PositionOf(r), after) > 0)
	})
	if err != nil {
		return nil, Position{}, err
	}
	slices.SortFunc(rows, func(a, b lifecycle.Row) int { return newest(PositionOf(a), PositionOf(b)) })
	if len(rows) <= most {
		return rows, Position{}, nil
	}
	return rows[:most], PositionOf(rows[most-1]), nil
}

// newest orders the requests of a user.
func newest(a, b Position) int {
	return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

// Day implements streamer.History.
func (m *Memory) Day(ctx context.Context, tenant string, day time.Time, page string) ([]streamer.Summary, string, error) {
	rows, next, err := m.list(ctx, page, func(r lifecycle.Row) bool { return r.TenantDay == lifecycle.TenantDay(tenant, day) })
	out := make([]streamer.Summary, len(rows))
	for i, row := range rows {
		it, err := attributevalue.MarshalMap(row)
		if err != nil {
			return nil, "", err
		}
		if out[i], err = summary(it); err != nil {
			return nil, "", err
		}
	}
	return out, next, err
}

func (m *Memory) list(ctx context.Context, page string, want func(lifecycle.Row) bool) ([]lifecycle.Row, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", fmt.Errorf("list requests: %w", err)
	}
	from, err := offset(page)
	if err != nil {
		return nil, "", err
	}
	rows, err := m.rows(want)
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(rows, func(a, b lifecycle.Row) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.PK, b.PK))
	})
	rows = rows[min(from, len(rows)):]
	if len(rows) <= memoryPage {
		return rows, "", nil
	}
	return rows[:memoryPage], strconv.Itoa(from + memoryPage), nil
}

// rows are those that are wanted, in no order.
func (m *Memory) rows(want func(lifecycle.Row) bool) (rows []lifecycle.Row, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, it := range m.items {
		row, err := decodeRow(it)
		if err != nil {
			return nil, err
		}
		if want(row) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// memoryPage is how many rows a page has.
const memoryPage = 2

// offset reads a page's token, which is the number of rows before it.
func offset(page string) (int, error) {
	if page == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(page)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("decode page token: %q is not a number of rows", page)
	}
	return n, nil
}

func holds(it item, when []lifecycle.Guard) (bool, error) {
	for _, g := range when {
		all := true
		for _, t := range g {
			ok, err := passes(it, t)
			if err != nil {
				return false, err
			}
			all = all && ok
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

func passes(it item, t lifecycle.Test) (bool, error) {
	stored, ok := it[string(t.Field)]
	if t.Op == lifecycle.Missing {
		return !ok, nil
	}
	var value types.AttributeValue
	if other, isField := t.Value.(lifecycle.Field); isField {
		value = it[string(other)]
	} else {
		var err error
		if value, err = attributevalue.Marshal(t.Value); err != nil {
			return false, err
		}
	}
	if !ok || value == nil {
		return false, nil
	}
	switch t.Op {
	case lifecycle.Contains:
		set, _ := stored.(*types.AttributeValueMemberSS)
		return set != nil && slices.Contains(set.Value, stringOf(value)), nil
	case lifecycle.Smaller:
		set, _ := stored.(*types.AttributeValueMemberSS)
		limit, err := numberOf(value)
		return set != nil && float64(len(set.Value)) < limit, err
	}
	if s, isString := stored.(*types.AttributeValueMemberS); isString {
		return t.Op == lifecycle.Is && s.Value == stringOf(value), nil
	}
	a, err := numberOf(stored)
	if err != nil {
		return false, err
	}
	b, err := numberOf(value)
	if err != nil {
		return false, err
	}
	switch t.Op {
	case lifecycle.Is:
		return a == b, nil
	case lifecycle.Less:
		return a < b, nil
	case lifecycle.AtMost:
		return a <= b, nil
	case lifecycle.Above:
		return a > b, nil
	}
	return false, fmt.Errorf("unknown comparison %q", t.Op)
}

func apply(old item, u lifecycle.Update) (item, error) {
	it := item{}
	maps.Copy(it, old)
	put := func(f lifecycle.Field, v any) error {
		av, err := attributevalue.Marshal(v)
		it[string(f)] = av
		return err
	}
	for f, v := range u.Set {
		if err := put(f, v); err != nil {
			return nil, err
		}
	}
	for f, v := range u.Once {
		if _, there := it[string(f)]; !there {
			if err := put(f, v); err != nil {
				return nil, err
			}
		}
	}
	for f, n := range u.Add {
		var before float64
		if av, there := it[string(f)]; there {
			var err error
			if before, err = numberOf(av); err != nil {
				return nil, err
			}
		}
		if err := put(f, int64(before)+n); err != nil {
			return nil, err
		}
	}
	for _, f := range u.Remove {
		delete(it, string(f))
	}
	if len(u.Join)+len(u.Leave) > 0 {
		set := string(u.Members())
		var members []string
		if stored, ok := it[set].(*types.AttributeValueMemberSS); ok {
			members = slices.Clone(stored.Value)
		}
		for _, c := range u.Join {
			if !slices.Contains(members, c) {
				members = append(members, c)
			}
		}
		members = slices.DeleteFunc(members, func(c string) bool { return slices.Contains(u.Leave, c) })
		delete(it, set) // DynamoDB keeps no empty set
		if len(members) > 0 {
			it[set] = &types.AttributeValueMemberSS{Value: members}
		}
	}
	return it, nil
}

func numberOf(v types.AttributeValue) (float64, error) {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0, fmt.Errorf("not a number: %T", v)
	}
	return strconv.ParseFloat(n.Value, 64)
}
