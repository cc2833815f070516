package router

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/protocol"
)

// arriving tells who connects: whom the authorizer named, or who signed with IAM.
func (r *Router) arriving(ev events.APIGatewayWebsocketProxyRequest, now time.Time) (identity.Identity, error) {
	if r.IAM != nil {
		return iamIdentity(*r.IAM, ev.RequestContext.Identity, now)
	}
	who, err := identity.FromContext(ev.RequestContext.Authorizer)
	if err != nil {
		return who, err
	}
	if !who.Expires.After(now) {
		return who, errors.New("the identity has run out")
	}
	return who, nil
}

// identify tells whose message it is: by what the authorizer said at $connect, which API
// Gateway passes on; if that is absent or has run out, by the connection's row.
func (r *Router) identify(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) (identity.Identity, error) {
	now := r.Clock.Now()
	if who, err := identity.FromContext(ev.RequestContext.Authorizer); err == nil && who.Expires.After(now) {
		return who, nil
	}
	c, exists, err := r.Connections.Get(ctx, ev.RequestContext.ConnectionID)
	if err != nil {
		return identity.Identity{}, serviceError{err}
	}
	who := identity.Identity{Tenant: c.Tenant, User: c.User, Expires: time.Unix(c.TokenExpires, 0)}
	if !exists || who.Tenant == "" || who.User == "" || !who.Expires.After(now) {
		return identity.Identity{}, streamer.Errorf(protocol.Unauthenticated, "the connection's token is missing or has run out: connect again with a fresh one")
	}
	return who, nil
}

// cognitoSession ends the caller of everybody who has credentials of a Cognito identity
// pool: they share a role, and the name of its session.
const cognitoSession = ":CognitoIdentityCredentials"

// iamIdentity is who signed a handshake, as API Gateway saw it ("WebSocket API mapping
// template reference for API Gateway", $context.identity). The user is the principal's
// id: an IAM user's, or a role's with the session's name, "AROA…:session"; of those who
// came through a Cognito identity pool, the id they have there. It lasts as long as a
// connection can: a signature has no end that is passed on.
func iamIdentity(iam contract.IAM, caller events.APIGatewayRequestIdentity, now time.Time) (identity.Identity, error) {
	who := identity.Identity{Tenant: iam.Tenant, User: caller.Caller, Expires: now.Add(connectionLife)}
	if who.Tenant == "" {
		who.Tenant = caller.AccountID
	}
	if caller.CognitoIdentityID != "" {
		who.User = caller.CognitoIdentityID
	}
	if strings.HasSuffix(who.User, cognitoSession) {
		return identity.Identity{}, errors.New("the caller has credentials of an identity pool, but no id of its own there")
	}
	if err := identity.CheckUser(who.User); err != nil {
		return identity.Identity{}, fmt.Errorf("nobody signed the handshake: the caller is %w", err)
	}
	if err := identity.CheckTenant(who.Tenant); err != nil {
		return identity.Identity{}, fmt.Errorf("nobody signed the handshake: the account is %w", err)
	}
	return who, nil
}
