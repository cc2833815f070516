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

// index is the index of open requests. It follows the table in its own time: it shows
// rows late, and such as are open no more.
type index struct {
	w       *world
	entries map[string]lifecycle.Row // as they were when the index learned of them, by partition key
	written map[string]int           // how often a row came in or went, by partition key
	learned map[string]int           // which of these the index knows of
}

func newIndex(w *world) *index {
	return &index{w: w, entries: map[string]lifecycle.Row{}, written: map[string]int{}, learned: map[string]int{}}
}

// follow takes a row as a write left it. Only what is in the index, keys, is of interest.
func (x *index) follow(before, row lifecycle.Row) {
	if before.OpenShard == row.OpenShard && before.CreatedAt == row.CreatedAt {
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
		if x.entries[row.PK] = row; row.OpenShard == "" {
			delete(x.entries, row.PK)
		}
	})
}

// open is what the index shows of a shard, two at a time.
func (x *index) open(shard int, before time.Time, page string) (rows []lifecycle.Row, next string) {
	for _, row := range x.entries {
		if row.OpenShard == lifecycle.OpenShardKey(shard) && row.CreatedAt <= before.UnixMilli() {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b lifecycle.Row) int {
		return cmp.Or(cmp.Compare(a.CreatedAt, b.CreatedAt), cmp.Compare(a.PK, b.PK))
	})
	const most = 2
	for _, row := range rows {
		x.w.saw("world index shows %s", map[bool]string{true: "ended", false: "open"}[x.w.rows[row.PK].Status.Terminal()])
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
		l.rows, l.next = w.index.open(shard, before, page)
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
