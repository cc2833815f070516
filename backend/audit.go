package backend

import (
	"cmp"
	"context"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// record writes that the user asked for something, and what came of it.
func (c *Client) record(ctx context.Context, r audit.Record, err error) {
	r.Tenant, r.Subject, r.Outcome = c.tenant, c.user, cmp.Or(r.Outcome, audit.Accepted)
	if err != nil {
		r.Link = ""
		r.Refuse(protocol.Unavailable)
		if e, ok := streamer.AsError(err); ok {
			r.Refuse(e.Code)
		}
	}
	c.backend.audit.Write(ctx, r)
}

// about is the record of a verb on a request.
func about(verb audit.Verb, requestID string, row lifecycle.Row) audit.Record {
	r := audit.Record{Verb: verb, Action: row.Action, Link: view.LinkedKey(row)}
	if lifecycle.ValidID(requestID) {
		r.Request = requestID
	}
	return r
}
