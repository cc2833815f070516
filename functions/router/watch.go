package router

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// tellBudget is how long a frame for another connection is tried before the answer goes
// out without it.
const tellBudget = 2 * time.Second

// target is the request that one of Streamer's own actions is about.
func (c call) target() (lifecycle.Key, error) {
	id := c.RequestID
	if id == "" && len(c.Payload) > 0 {
		var in struct {
			RequestID string `json:"request_id"`
		}
		if err := json.Unmarshal(c.Payload, &in); err != nil {
			field, problem := protocol.FieldError(err)
			return lifecycle.Key{}, &protocol.RefusedError{Code: protocol.BadMessage, Field: field, Problem: problem}
		}
		id = in.RequestID
	}
	if id == "" {
		return lifecycle.Key{}, &protocol.RefusedError{Code: protocol.BadMessage, Field: "request_id", Problem: "missing: say which request is meant"}
	}
	key := lifecycle.Named(c.Tenant, id)
	if key.ID == id {
		c.record.Request = id
	}
	return key, nil
}

func (r *Router) get(ctx context.Context, c call) (protocol.Frame, error) {
	key, err := c.target()
	if err != nil {
		return nil, err
	}
	row, err := r.desk().Own(ctx, key, c.User)
	if err != nil {
		return nil, fromDesk(err)
	}
	return r.show(ctx, c, row)
}

func (r *Router) show(ctx context.Context, c call, row lifecycle.Row) (protocol.Frame, error) {
	c.saw(row)
	frame, err := view.Request(ctx, row, r.answer(c.ID), r.Files)
	if err != nil {
		return nil, serviceError{err}
	}
	return frame, nil
}

// watch makes the connection a watcher of a request of the caller's own and returns the
// request as it is then: one step, so that nothing falls between. A request that has
// ended and is watched by as many as may is returned all the same: its terminal frame
// goes out with the answer, and no other will come.
func (r *Router) watch(ctx context.Context, c call, key lifecycle.Key) (lifecycle.Row, error) {
	row, err := r.join(ctx, c, key)
	full, refused := errors.AsType[*store.RefusedError](err)
	if refused && r.mine(c, full) && !full.Row.Status.Terminal() {
		var left bool
		if left, err = r.leave(ctx, c, full.Row); err != nil {
			return row, err
		}
		if left {
			row, err = r.join(ctx, c, key)
			full, refused = errors.AsType[*store.RefusedError](err)
		}
	}
	switch {
	case refused && !r.mine(c, full):
		return row, intake.NotFound()
	case refused && full.Row.Status.Terminal():
		return full.Row, nil
	case refused:
		return row, &streamer.Error{Code: protocol.TooManyWatchers, Message: "as many connections watch this request as may", Retryable: true,
			Details: map[string]any{"limit": protocol.MaxWatchers}}
	case err != nil:
		return row, serviceError{err}
	case row.Expired(r.Clock.Now()):
		return row, intake.NotFound()
	}
	return row, nil
}

func (r *Router) join(ctx context.Context, c call, key lifecycle.Key) (lifecycle.Row, error) {
	return r.Requests.Update(ctx, key, lifecycle.Watch(c.User, c.connection))
}

// mine reports whether what a write found in its way is a request of the caller's own.
func (r *Router) mine(c call, stood *store.RefusedError) bool {
	return stood.Exists && stood.Row.User == c.User && !stood.Row.Expired(r.Clock.Now())
}

// leave makes room among the watchers of a request: nobody posts to one that waits, so
// nobody finds out which of them are gone. It reports whether it found one.
func (r *Router) leave(ctx context.Context, c call, row lifecycle.Row) (left bool, err error) {
	now := r.Clock.Now()
	for _, watcher := range row.Watchers {
		at, open, err := r.Connections.Get(ctx, watcher)
		if err != nil {
			return false, serviceError{err}
		}
		if open && !at.Ended(now) {
			continue
		}
		_, err = r.Requests.Update(ctx, row.Key(), lifecycle.Unwatch(c.User, watcher))
		if _, refused := errors.AsType[*store.RefusedError](err); err != nil && !refused {
			return false, serviceError{err}
		}
		return true, nil
	}
	return false, nil
}

func (r *Router) subscribe(ctx context.Context, c call) (protocol.Frame, error) {
	key, err := c.target()
	if err != nil {
		return nil, err
	}
	row, err := r.watch(ctx, c, key)
	if err != nil {
		return nil, err
	}
	r.Metrics.Add(contract.MetricWatched, metric.Labels{Action: row.Action}, 1)
	return r.withTerminal(ctx, c, view.Subscribed(row, r.answer(c.ID)), row)
}

// withTerminal answers with first, and with the terminal frame after it if the request
// has one.
func (r *Router) withTerminal(ctx context.Context, c call, first protocol.Frame, row lifecycle.Row) (protocol.Frame, error) {
	c.saw(row)
	if !row.Status.Terminal() {
		return first, nil
	}
	terminal, err := view.Terminal(ctx, row, r.Files, r.Clock.Now())
	if err != nil {
		return nil, serviceError{err}
	}
	post, cancel := context.WithTimeout(ctx, tellBudget)
	defer cancel()
	if err := r.Manager.Send(post, c.connection, first); err != nil {
		r.Log.WarnContext(ctx, "first of two frames not posted", "frame", first.Type(), "error", err)
	}
	return terminal, nil
}

func (r *Router) unsubscribe(ctx context.Context, c call) (protocol.Frame, error) {
	key, err := c.target()
	if err != nil {
		return nil, err
	}
	row, err := r.Requests.Update(ctx, key, lifecycle.Unwatch(c.User, c.connection))
	if _, refused := errors.AsType[*store.RefusedError](err); refused || err == nil && row.Expired(r.Clock.Now()) {
		return nil, intake.NotFound()
	}
	if err != nil {
		return nil, serviceError{err}
	}
	return protocol.Unsubscribed{Answer: r.answer(c.ID), RequestID: key.ID}, nil
}

// cancel ends a request that waits, and asks one that runs to stop. The answer is the
// state that came of it.
func (r *Router) cancel(ctx context.Context, c call) (protocol.Frame, error) {
	key, err := c.target()
	if err != nil {
		return nil, err
	}
	row, ended, err := r.desk().Cancel(ctx, key, c.User)
	if err != nil {
		return nil, fromDesk(err)
	}
	if !ended {
		return r.show(ctx, c, row)
	}
	return r.tellOthers(ctx, c, row)
}

// tellOthers posts the terminal frame to everyone else who watches and returns it for
// the caller.
func (r *Router) tellOthers(ctx context.Context, c call, row lifecycle.Row) (protocol.Frame, error) {
	c.saw(row)
	terminal, err := view.Terminal(ctx, row, r.Files, r.Clock.Now())
	if err != nil {
		return nil, serviceError{err}
	}
	row.Watchers = slices.DeleteFunc(row.Watchers, func(w string) bool { return w == c.connection })
	post, cancel := context.WithTimeout(ctx, tellBudget)
	defer cancel()
	if !progress.Tell(post, r.Clock, r.Manager, row, terminal, tellBudget) {
		r.Log.WarnContext(ctx, "not every watcher was told", "request", row.Key().ID)
	}
	if cancelled, ok := terminal.(protocol.CancelledFrame); ok {
		cancelled.ID = c.ID
		return cancelled, nil
	}
	return terminal, nil
}
