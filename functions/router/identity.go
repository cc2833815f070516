package router

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// identity is who a connection belongs to, and until when.
type identity struct {
	tenant, user string
	expires      time.Time
}

// identify tells whose message it is: by what the authorizer said at $connect, which API
// Gateway passes on; if that is absent or has run out, by the connection's row.
func (r *Router) identify(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) (identity, error) {
	now := r.Clock.Now()
	if who, ok := contextIdentity(ev); ok && who.expires.After(now) {
		return who, nil
	}
	c, exists, err := r.Connections.Get(ctx, ev.RequestContext.ConnectionID)
	if err != nil {
		return identity{}, serviceError{err}
	}
	who := identity{c.Tenant, c.User, time.Unix(c.TokenExpires, 0)}
	if !exists || who.tenant == "" || who.user == "" || !who.expires.After(now) {
		return identity{}, streamer.Errorf(protocol.Unauthenticated, "the connection's token is missing or has run out: connect again with a fresh one")
	}
	return who, nil
}

func contextIdentity(ev events.APIGatewayWebsocketProxyRequest) (identity, bool) {
	claims, _ := ev.RequestContext.Authorizer.(map[string]any)
	user, _ := claims[contract.IdentitySubject].(string)
	tenant, _ := claims[contract.IdentityTenant].(string)
	text, _ := claims[contract.IdentityExpires].(string)
	seconds, err := strconv.ParseInt(text, 10, 64)
	return identity{tenant, user, time.Unix(seconds, 0)}, user != "" && tenant != "" && err == nil
}
