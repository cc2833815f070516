package simulation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// index is an index of the requests table. It follows the table in its own time: it shows
// rows late, and such as have left it.
type index struct {
	w *world
	// key is that of the part of the index in which a row stands; empty if in none.
	key     func(lifecycle.Row) string
	entries map[string]lifecycle.Row // as they were when the index learned of them, by partition key
	written map[string]int           // how often a row came in or went, by partition key
	learned map[string]int           // which of these the index knows of
}

func newIndex(w *world, key func(lifecycle.Row) string) *index {
	return &index{w: w, key: key, entries: map[string]lifecycle.Row{}, written: map[string]int{}, learned: map[string]int{}}
}

// follow takes a row as a write left it. Only what is in the index, keys, is of interest.
func (x *index) follow(before, row lifecycle.Row) {
	if x.key(before) == x.key(row) && before.CreatedAt == row.CreatedAt {
		return
	}
	lag := x.w.between(time.Millisecond, 50*time.Millisecond)
	switch {
	case x.w.chance(x.w.plan.indexLag):
		lag = x.w.between(time.Second, 2*time.Minute)
		x.w.saw("world index late")
	case x.w.bug.indexBlind:
		return
	}
	x.written[row.PK]++
	version := x.written[row.PK]
	x.w.in(lag, func() {
		if version < x.learned[row.PK] {
			return
		}
		x.learned[row.PK] = version
		if x.entries[row.PK] = row; x.key(row) == "" {
			delete(x.entries, row.PK)
		}
	})
}

// part is what the index shows under a key, oldest first.
func (x *index) part(key string) (rows []lifecycle.Row) {
	for _, row := range x.entries {
		if x.key(row) == key {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b lifecycle.Row) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.PK, b.PK))
	})
	return rows
}

// indexes are those of the table.
type indexes struct{ open, byUser *index }

func newIndexes(w *world) indexes {
	return indexes{
		open:   newIndex(w, func(r lifecycle.Row) string { return r.OpenShard }),
		byUser: newIndex(w, func(r lifecycle.Row) string { return r.UserKey }),
	}
}

func (x indexes) follow(before, row lifecycle.Row) {
	x.open.follow(before, row)
	x.byUser.follow(before, row)
}

// openOf is what the index shows of a shard, two at a time.
func (x indexes) openOf(shard int, before time.Time, page string) (rows []lifecycle.Row, next string) {
	rows = slices.DeleteFunc(x.open.part(lifecycle.OpenShardKey(shard)), func(r lifecycle.Row) bool { return r.CreatedAt > before.UnixMilli() })
	const most = 2
	for _, row := range rows {
		x.open.w.saw("world index shows %s", map[bool]string{true: "ended", false: "open"}[x.open.w.rows[row.PK].Status.Terminal()])
	}
	from, _ := strconv.Atoi(page) // empty for the first
	rows = rows[min(from, len(rows)):]
	if len(rows) <= most {
		return rows, ""
	}
	return rows[:most], strconv.Itoa(from + most)
}

// Open implements store.Requests as it is over DynamoDB: the index tells which rows, and
// the rows themselves are read.
func (t table) Open(ctx context.Context, shard int, before time.Time, page string) (rows []lifecycle.Row, next string, err error) {
	w := t.p.w
	type listed struct {
		rows []lifecycle.Row
		next string
	}
	l, err := ask(t.p, ctx, toTable, fmt.Sprint("open ", shard, page), 0, func() (l listed, err error) {
		l.rows, l.next = w.openOf(shard, before, page)
		return l, nil
	})
	if err != nil || w.bug.indexBelieved {
		return l.rows, l.next, err
	}
	for _, was := range l.rows {
		row, exists, err := t.Get(ctx, was.Key())
		if err != nil {
			return nil, "", err
		}
		if exists && !row.Status.Terminal() {
			rows = append(rows, row)
		}
	}
	return rows, l.next, nil
}
