package router

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// verbs are those of Streamer's own actions. A ping is not worth a record.
var verbs = map[string]audit.Verb{
	protocol.ActionGet: audit.Get, protocol.ActionList: audit.List, protocol.ActionUpload: audit.Upload, protocol.ActionCancel: audit.Cancel,
	protocol.ActionSubscribe: audit.Subscribe, protocol.ActionUnsubscribe: audit.Unsubscribe,
}

// arrived begins the record of an event with what API Gateway says of it.
func arrived(ev events.APIGatewayWebsocketProxyRequest) *audit.Record {
	r := &audit.Record{Outcome: audit.Accepted, Connection: ev.RequestContext.ConnectionID, Address: ev.RequestContext.Identity.SourceIP}
	if who, err := identity.FromContext(ev.RequestContext.Authorizer); err == nil {
		r.Tenant, r.Subject = who.Tenant, who.User
	}
	return r
}

// saw notes which request a message is about, as it is shown to the client.
func (c call) saw(row lifecycle.Row) {
	c.record.Action, c.record.Link = row.Action, view.LinkedKey(row)
}

// recorded writes the record of a message, which is answered with frame.
func (r *Router) recorded(ctx context.Context, c call, frame protocol.Frame) {
	record := *c.record
	verb, own := verbs[c.Action]
	switch record.Verb = verb; {
	case c.Action == protocol.ActionPing:
		return
	case !own:
		record.Verb, record.Action = audit.Submit, clip(c.Action)
	}
	if c.Tenant != "" { // else the token was not good any more, or there was none
		record.Tenant, record.Subject = c.Tenant, c.User
	}
	if id := requestOf(frame); id != "" {
		record.Request = id
	}
	_, terminal := protocol.EventOf(frame)
	switch f := frame.(type) {
	case protocol.Error:
		record.Refuse(f.Code)
		record.Link = ""
	case protocol.Accepted:
		if f.Duplicate {
			record.Outcome = audit.Duplicate
		}
	default:
		if terminal && record.Verb == audit.Submit { // of a request that was there and has ended
			record.Outcome = audit.Duplicate
		}
	}
	r.Audit.Write(ctx, record)
}
