package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// requests is the requests table: store.Memory, with the world looking on.
type requests struct {
	*store.Memory
	w *world
	// wrote is the row that the last write left.
	wrote lifecycle.Row
}

func newRequests(w *world) *requests {
	r := &requests{Memory: store.NewMemory(), w: w}
	r.OnPut = func(row lifecycle.Row) {
		r.wrote = row
		w.stream.put(w, row)
	}
	return r
}

// forget makes room for another row, for the bug that puts one over another.
func (r *requests) forget(key lifecycle.Key) {
	if _, there, _ := r.Memory.Get(r.w.ctx, key); !there {
		return // it has vanished
	}
	_, err := r.Memory.Update(r.w.ctx, key, lifecycle.Update{When: []lifecycle.Guard{{}}, Set: map[lifecycle.Field]any{"ttl": int64(1)}})
	if err != nil {
		panic(err)
	}
}

// table is the requests table as one process reaches it.
type table struct {
	*store.Memory
	p *process
}

// Create implements store.Requests.
func (t table) Create(ctx context.Context, row lifecycle.Row, now time.Time) error {
	w := t.p.w
	_, err := ask(t.p, ctx, toTable, "create "+short(row.PK), 0, func() (struct{}, error) {
		if w.bug.create != nil {
			w.bug.create(w, &row)
		}
		if w.bug.expiry != nil {
			now = w.bug.expiry(now)
		}
		err := w.table.Memory.Create(w.ctx, row, now)
		if err == nil {
			w.follow(w.rows[row.PK], w.table.wrote)
			w.created(t.p, w.table.wrote)
		}
		return struct{}{}, err
	})
	return err
}

// Update implements store.Requests.
func (t table) Update(ctx context.Context, key lifecycle.Key, u lifecycle.Update) (lifecycle.Row, error) {
	w := t.p.w
	return ask(t.p, ctx, toTable, u.Name+" "+short(key.ID), 0, func() (lifecycle.Row, error) {
		now := t.p.Now()
		if w.bug.update != nil {
			u = w.bug.update(u)
		}
		before := w.rows[key.PK()]
		row, err := w.table.Memory.Update(w.ctx, key, u)
		if err == nil {
			w.follow(before, w.table.wrote)
			w.updated(t.p, u, before, w.table.wrote)
		}
		if stood, refused := errors.AsType[*store.RefusedError](err); refused {
			w.refusedWrite(u, stood, now)
		}
		if err == nil && w.bug.read != nil {
			row = w.bug.read(row)
		}
		return row, err
	})
}

// Get implements store.Requests.
func (t table) Get(ctx context.Context, key lifecycle.Key) (lifecycle.Row, bool, error) {
	type found struct {
		row    lifecycle.Row
		exists bool
	}
	f, err := ask(t.p, ctx, toTable, "get "+short(key.ID), 0, func() (f found, err error) {
		f.row, f.exists, err = t.Memory.Get(t.p.w.ctx, key)
		if t.p.w.bug.read != nil {
			f.row = t.p.w.bug.read(f.row)
		}
		return f, err
	})
	return f.row, f.exists, err
}

// PutPayload implements store.Requests.
func (t table) PutPayload(ctx context.Context, key lifecycle.Key, hash []byte, payload string, expires time.Time) error {
	if t.p.w.bug.mixesPayloads {
		hash = nil
	}
	_, err := ask(t.p, ctx, toTable, "put payload "+short(key.ID), 0, func() (struct{}, error) {
		return struct{}{}, t.Memory.PutPayload(t.p.w.ctx, key, hash, payload, expires)
	})
	return err
}

// Payload implements store.Requests.
func (t table) Payload(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	if t.p.w.bug.mixesPayloads {
		hash = nil
	}
	return ask(t.p, ctx, toTable, "payload "+short(key.ID), 0, func() (string, error) {
		return t.Memory.Payload(t.p.w.ctx, key, hash)
	})
}

// PutState implements store.Requests.
func (t table) PutState(ctx context.Context, key lifecycle.Key, hash []byte, state string, expires time.Time) error {
	_, err := ask(t.p, ctx, toTable, "put state "+short(key.ID), 0, func() (struct{}, error) {
		return struct{}{}, t.Memory.PutState(t.p.w.ctx, key, hash, state, expires)
	})
	return err
}

// State implements store.Requests.
func (t table) State(ctx context.Context, key lifecycle.Key, hash []byte) (string, error) {
	return ask(t.p, ctx, toTable, "state "+short(key.ID), 0, func() (string, error) {
		return t.Memory.State(t.p.w.ctx, key, hash)
	})
}

// PutOnce implements store.Requests.
func (t table) PutOnce(ctx context.Context, key lifecycle.Key, name, result string, expires time.Time) (string, error) {
	if t.p.w.bug.effect != nil {
		name = t.p.w.bug.effect(name)
	}
	return ask(t.p, ctx, toTable, "put once "+short(key.ID), 0, func() (string, error) {
		if t.p.w.bug.forgetsEffects {
			return result, nil
		}
		return t.Memory.PutOnce(t.p.w.ctx, key, name, result, expires)
	})
}

// Once implements store.Requests.
func (t table) Once(ctx context.Context, key lifecycle.Key, name string) (string, bool, error) {
	if t.p.w.bug.effect != nil {
		name = t.p.w.bug.effect(name)
	}
	type found struct {
		result string
		exists bool
	}
	f, err := ask(t.p, ctx, toTable, "once "+short(key.ID), 0, func() (f found, err error) {
		f.result, f.exists, err = t.Memory.Once(t.p.w.ctx, key, name)
		return f, err
	})
	return f.result, f.exists, err
}

// Enter implements store.Ledgers.
func (t table) Enter(ctx context.Context, ledger string, e store.Entry) error {
	if t.p.w.bug.entry != nil {
		e = t.p.w.bug.entry(e)
	}
	return t.book(ctx, "enter", func() error { return t.Memory.Enter(t.p.w.ctx, ledger, e) })
}

// Look implements store.Ledgers.
func (t table) Look(ctx context.Context, ledger string, now, since time.Time) error {
	return t.book(ctx, "look", func() error { return t.Memory.Look(t.p.w.ctx, ledger, now, since) })
}

// Strike implements store.Ledgers.
func (t table) Strike(ctx context.Context, ledger string, entries []string) error {
	return t.book(ctx, "strike", func() error { return t.Memory.Strike(t.p.w.ctx, ledger, entries) })
}

func (t table) book(ctx context.Context, what string, do func() error) error {
	_, err := ask(t.p, ctx, toTable, what, 0, func() (struct{}, error) {
		t.p.w.saw("ledger %s", what)
		return struct{}{}, do()
	})
	return err
}

// Rows implements store.Ledgers.
func (t table) Rows(ctx context.Context, tenant string, ids []string) (map[string]lifecycle.Row, error) {
	return ask(t.p, ctx, toTable, "rows", 0, func() (map[string]lifecycle.Row, error) {
		if t.p.w.bug.seesNoRows {
			return nil, nil
		}
		return t.Memory.Rows(t.p.w.ctx, tenant, ids)
	})
}

// connections is the table of connections as one process reaches it.
type connections struct{ p *process }

// Put implements store.Connections.
func (c connections) Put(ctx context.Context, row store.Connection) error {
	_, err := ask(c.p, ctx, toTable, "put connection "+row.ID, 0, func() (struct{}, error) {
		c.p.w.gateway.rows[row.ID] = row
		return struct{}{}, nil
	})
	return err
}

// Get implements store.Connections.
func (c connections) Get(ctx context.Context, id string) (store.Connection, bool, error) {
	type found struct {
		row    store.Connection
		exists bool
	}
	f, err := ask(c.p, ctx, toTable, "get connection "+id, 0, func() (f found, err error) {
		f.row, f.exists = c.p.w.gateway.rows[id]
		return f, nil
	})
	return f.row, f.exists, err
}

// Survey implements reconciler.Connections. No token runs out here.
func (c connections) Survey(ctx context.Context, _ time.Time, _ int) (int, []string, error) {
	live, err := ask(c.p, ctx, toTable, "survey connections", 0, func() (int, error) { return len(c.p.w.gateway.rows), nil })
	return live, nil, err
}

// Delete implements store.Connections.
func (c connections) Delete(ctx context.Context, id string) error {
	_, err := ask(c.p, ctx, toTable, "delete connection "+id, 0, func() (struct{}, error) {
		delete(c.p.w.gateway.rows, id)
		return struct{}{}, nil
	})
	return err
}
