package router

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// list answers with a page of the caller's own requests. It reads the index once and the
// rows once, so that a page costs the same however few of them are wanted.
func (r *Router) list(ctx context.Context, c call) (protocol.Frame, error) {
	q, err := c.query()
	if err != nil {
		return nil, err
	}
	most := q.limit
	if q.status != "" {
		most = store.MaxByUser
	}
	rows, last, err := r.Requests.ByUser(ctx, c.Tenant, c.User, q.after, most)
	if err != nil {
		return nil, serviceError{err}
	}
	now := r.Clock.Now()
	page := protocol.Requests{Answer: r.answer(c.ID), Requests: []protocol.Listed{}}
	for _, row := range rows {
		if row.Expired(now) || !q.wants(row.Status) {
			continue
		}
		if len(page.Requests) == q.limit {
			last = end(page)
			break
		}
		page.Requests = append(page.Requests, view.Listed(row))
	}
	page.Next = c.pageAfter(last)
	return c.shorten(page)
}

// shorten leaves to the next page what does not fit into a message's length.
func (c call) shorten(page protocol.Requests) (protocol.Frame, error) {
	for {
		body, err := encode(page)
		if err != nil || len(body) <= protocol.MaxMessage {
			return page, err
		}
		page.Requests = page.Requests[:len(page.Requests)-1]
		page.Next = c.pageAfter(end(page))
	}
}

// end is the position of the last request of a page.
func end(page protocol.Requests) store.Position {
	last := page.Requests[len(page.Requests)-1]
	return store.Position{CreatedAt: last.CreatedAt, ID: last.RequestID}
}

// query is what a message asks of the list.
type query struct {
	status string
	limit  int
	after  store.Position
}

func (c call) query() (q query, err error) {
	if c.RequestID != "" {
		return q, &protocol.RefusedError{Code: protocol.BadMessage, Field: "request_id", Problem: "a list is of all requests"}
	}
	var in protocol.List
	if len(c.Payload) > 0 {
		if err := decodeStrictly(c.Payload, &in); err != nil {
			return q, err
		}
	}
	q = query{status: in.Status, limit: in.Limit}
	switch protocol.Status(in.Status) {
	case "", protocol.ListOpen, protocol.ListEnded,
		protocol.Pending, protocol.Processing, protocol.Retrying, protocol.Completed, protocol.Failed, protocol.Cancelled:
	default:
		return q, streamer.Invalid("status", "not %q, %q, or a status such as %q", protocol.ListOpen, protocol.ListEnded, protocol.Failed)
	}
	switch {
	case in.Limit == 0:
		q.limit = protocol.DefaultList
	case in.Limit < 1 || in.Limit > protocol.MaxList:
		return q, streamer.Invalid("limit", "not 1 to %d", protocol.MaxList)
	}
	if in.Page == "" {
		return q, nil
	}
	var ok bool
	if q.after, ok = c.parsePage(in.Page); !ok {
		return q, streamer.Invalid("page", "not the next of a page that you were given: begin without one")
	}
	return q, nil
}

func (q query) wants(s protocol.Status) bool {
	switch q.status {
	case "":
		return true
	case protocol.ListOpen:
		return !s.Terminal()
	case protocol.ListEnded:
		return s.Terminal()
	}
	return protocol.Status(q.status) == s
}

// pageAfter names the page behind a position. The name is its user's alone: it ends in a
// mark that no other user's has.
func (c call) pageAfter(at store.Position) string {
	if at == (store.Position{}) {
		return ""
	}
	place := fmt.Sprintf("%d.%s", at.CreatedAt, at.ID)
	return place + "." + lifecycle.KeyedID(c.Tenant, c.User, protocol.ActionList, place)
}

func (c call) parsePage(page string) (at store.Position, ok bool) {
	created, rest, _ := strings.Cut(page, ".")
	id, _, _ := strings.Cut(rest, ".")
	ms, err := strconv.ParseInt(created, 10, 64)
	if err != nil || !lifecycle.ValidID(id) {
		return at, false
	}
	at = store.Position{CreatedAt: ms, ID: id}
	return at, c.pageAfter(at) == page
}
