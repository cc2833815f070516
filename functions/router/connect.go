package router

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/handshake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// connectionLife is a little over the two hours after which API Gateway closes every
// connection (API Gateway developer guide, "Quotas for WebSocket APIs").
const connectionLife = 2*time.Hour + 5*time.Minute

// closingTime is how long a connection is kept in the table after its token has run out, for
// the reconciler to find and close it: three of its runs.
const closingTime = 15 * time.Minute

// connect stores the connection of a known user and takes the subprotocol. It answers
// with a status only; anything but 200 refuses the handshake.
func (r *Router) connect(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) (out events.APIGatewayProxyResponse) {
	defer r.survive(ctx, "connect", &out)
	now := r.Clock.Now()
	record := arrived(ev)
	record.Verb = audit.Connect
	defer func() { r.Audit.Write(ctx, *record) }()
	who, err := r.arriving(ev, now)
	if err != nil {
		record.Refuse(protocol.Unauthenticated)
		r.Log.WarnContext(ctx, "connect refused", "reason", err.Error())
		r.Metrics.Add(contract.MetricConnectRefused, metric.Labels{Code: string(protocol.Unauthenticated)}, 1)
		return events.APIGatewayProxyResponse{StatusCode: http.StatusUnauthorized}
	}
	record.Tenant, record.Subject = who.Tenant, who.User
	if err := r.Gate.Connect(ctx, who.Tenant, who.User, ev.RequestContext.ConnectionID, now); err != nil {
		return r.notConnected(ctx, record, err)
	}
	if err := r.Connections.Put(ctx, store.Connection{
		ID: ev.RequestContext.ConnectionID, UserKey: lifecycle.UserKey(who.Tenant, who.User),
		Tenant: who.Tenant, User: who.User, ConnectedAt: now.UnixMilli(), TokenExpires: who.Expires.Unix(),
		ExpiresAt: min(who.Expires.Add(closingTime).Unix(), now.Add(connectionLife).Unix()),
	}); err != nil {
		return r.notConnected(ctx, record, err)
	}
	r.Metrics.Add(contract.MetricConnected, metric.Labels{}, 1)
	r.Log.InfoContext(ctx, "connected", "connection", ev.RequestContext.ConnectionID, "tenant", who.Tenant)
	out = events.APIGatewayProxyResponse{StatusCode: http.StatusOK}
	if slices.Contains((handshake.Headers{Single: ev.Headers, Multi: ev.MultiValueHeaders}).Subprotocols(), protocol.Subprotocol) {
		out.Headers = map[string]string{handshake.HeaderSubprotocol: protocol.Subprotocol}
	}
	return out
}

// notConnected refuses the handshake of a known user: one that has too many connections, or
// because a service did not answer.
func (r *Router) notConnected(ctx context.Context, record *audit.Record, err error) events.APIGatewayProxyResponse {
	code, status := protocol.Unavailable, http.StatusInternalServerError
	if e, over := streamer.AsError(err); over {
		code, status = e.Code, http.StatusTooManyRequests
		r.Log.WarnContext(ctx, "connect refused", "reason", e.Message, "tenant", record.Tenant, "limit", e.Details["limit"])
	} else {
		r.Log.ErrorContext(ctx, "connect failed", "error", err)
	}
	record.Refuse(code)
	r.Metrics.Add(contract.MetricConnectRefused, metric.Labels{Code: string(code)}, 1)
	return events.APIGatewayProxyResponse{StatusCode: status}
}

// disconnect forgets a connection. Its watching ends by itself: the next post finds it
// gone.
func (r *Router) disconnect(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) (out events.APIGatewayProxyResponse) {
	defer r.survive(ctx, "disconnect", &out)
	r.Metrics.Add(contract.MetricDisconnected, metric.Labels{}, 1)
	record := r.leaving(ctx, ev)
	if err := r.Connections.Delete(ctx, ev.RequestContext.ConnectionID); err != nil {
		r.Log.WarnContext(ctx, "connection stays until its time to live", "error", err)
	}
	r.Log.InfoContext(ctx, "disconnected", "connection", ev.RequestContext.ConnectionID)
	r.Audit.Write(ctx, *record)
	return events.APIGatewayProxyResponse{StatusCode: http.StatusOK}
}

// leaving is the record of a connection's end. Whose it was, the connection itself tells where
// there was no authorizer: API Gateway tells who signed a handshake to $connect alone.
func (r *Router) leaving(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) *audit.Record {
	record := arrived(ev)
	record.Verb = audit.Disconnect
	if r.IAM == nil || !r.Audit.Writes() {
		return record
	}
	c, exists, err := r.Connections.Get(ctx, ev.RequestContext.ConnectionID)
	switch {
	case err != nil:
		r.Log.WarnContext(ctx, "nobody knows whose connection it was", "error", err)
	case exists:
		record.Tenant, record.Subject = c.Tenant, c.User
	}
	return record
}

// survive makes a refusal of a panic, deferred.
func (r *Router) survive(ctx context.Context, what string, out *events.APIGatewayProxyResponse) {
	if p := recover(); p != nil {
		r.Log.ErrorContext(ctx, what+" panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*out = events.APIGatewayProxyResponse{StatusCode: http.StatusInternalServerError}
	}
}
