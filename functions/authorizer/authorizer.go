// Package authorizer decides who may connect: it verifies a JWT and turns its claims
// into the identity that API Gateway passes on with every message.
//
// # Design
//
// It fails closed. Without a configuration it refuses everyone, whatever they bring; so
// does a token that is in two places, that has no expiry, or whose algorithm does not
// suit its key. It refuses by a Deny policy and not by an error, since API Gateway
// answers an error with 500. That is the answer where it cannot know, because the issuer does
// not tell its keys: a client whose token is refused stops sending it, and one that is told
// that the stage has a problem tries again; so does the alarm on function errors tell of it.
//
// The issuer's keys are fetched when the first token comes, and kept by the warm
// function. What a stranger can make it do is bounded: a token that names an unknown key
// leads to one fetch in 30 seconds at most, however many come. When the issuer does not
// answer, the keys that were good last stay so for a day.
//
// The cache is our own. That of github.com/MicahParks/jwkset, made for servers, fetches
// when it is made, and again on a timer, which does not run while Lambda has frozen the
// process; makes a token with an unknown key wait for its rate limit where it should be
// refused at once, with one deadline for the wait and the fetch; keeps the last good keys
// without end; and bounds no answer's length. What is left is to read three kinds of keys,
// which the standard library does. Signatures and times are checked by
// github.com/golang-jwt/jwt.
package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/handshake"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/internal/metric"
)

const (
	maxReason = 300 // of a refusal in the log: a token's header may stand in it
	// anonymousLife is how long an anonymous identity lasts: longer than API Gateway keeps
	// a connection.
	anonymousLife = 3 * time.Hour
)

// Authorizer is the function behind $connect.
type Authorizer struct {
	config contract.Auth
	tokens *tokens // nil: nobody has one that counts
	clock  clock.Clock
	// metrics counts refusals.
	metrics metric.Recorder
	log     *slog.Logger
}

// New makes an authorizer from its configuration, a contract.Auth as JSON. An empty one
// refuses everyone; one that is wrong is an error.
func New(config string, c clock.Clock, metrics metric.Recorder, log *slog.Logger) (*Authorizer, error) {
	a := &Authorizer{clock: c, metrics: metrics, log: log}
	if config == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(config), &a.config); err != nil {
		return nil, fmt.Errorf("authorizer configuration: %w", err)
	}
	// A template can leave the only member of a list empty, and not the list.
	a.config.Origins = slices.DeleteFunc(a.config.Origins, func(origin string) bool { return origin == "" })
	if err := check(a.config); err != nil {
		return nil, fmt.Errorf("authorizer configuration: %w", err)
	}
	if a.config.Anonymous {
		return a, nil
	}
	var err error
	if a.tokens, err = newTokens(a.config, c, log); err != nil {
		return nil, fmt.Errorf("authorizer configuration: %w", err)
	}
	return a, nil
}

// CheckKeys fetches the issuer's keys as the function with this configuration will, and
// returns how many there are. It is for who deploys one: without keys nobody can connect.
func CheckKeys(ctx context.Context, config string) (int, error) {
	var c contract.Auth
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return 0, fmt.Errorf("authorizer configuration: %w", err)
	}
	if len(c.JWKS) > 0 {
		keys, err := parseKeys(c.JWKS)
		if err != nil {
			return 0, fmt.Errorf("jwks %w", err)
		}
		return len(keys), nil
	}
	from, err := newIssuer(c.Issuer, c.JWKSURL)
	if err != nil {
		return 0, err
	}
	keys, err := from.keys(ctx)
	return len(keys), err
}

// Handle is the function's entry. A refusal is an answer; the only error is that the issuer's
// keys are not known.
func (a *Authorizer) Handle(ctx context.Context, ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	who, err := a.identify(ctx, ev)
	if err != nil {
		a.log.WarnContext(ctx, "connection refused", "reason", fmt.Sprintf("%.*s", maxReason, err))
		a.metrics.Add(contract.MetricConnectRefused, metric.Labels{Code: reason(err)}, 1)
		if errors.Is(err, errNoKeys) {
			return events.APIGatewayCustomAuthorizerResponse{}, errNoKeys
		}
		return answer("nobody", "Deny", ev.MethodArn, nil), nil
	}
	a.log.InfoContext(ctx, "connection allowed", "tenant", who.Tenant)
	return answer(who.User, "Allow", ev.MethodArn, who.Context()), nil
}

func answer(principal, effect, arn string, context map[string]any) events.APIGatewayCustomAuthorizerResponse {
	return events.APIGatewayCustomAuthorizerResponse{
		PrincipalID: principal,
		PolicyDocument: events.APIGatewayCustomAuthorizerPolicy{
			Version:   "2012-10-17",
			Statement: []events.IAMPolicyStatement{{Action: []string{"execute-api:Invoke"}, Effect: effect, Resource: []string{arn}}},
		},
		Context: context,
	}
}

func (a *Authorizer) identify(ctx context.Context, ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (who identity.Identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			who, err = identity.Identity{}, fmt.Errorf("token check panicked: %v", p)
		}
	}()
	headers := handshake.Headers{Single: ev.Headers, Multi: ev.MultiValueHeaders}
	if err := a.checkOrigin(headers); err != nil {
		return who, err
	}
	if a.config.Anonymous {
		return identity.Identity{Tenant: "anonymous", User: "anonymous", Expires: a.clock.Now().Add(anonymousLife)}, nil
	}
	if a.tokens == nil {
		return who, errNotConfigured
	}
	token, err := find(ev, headers)
	if err != nil {
		return who, err
	}
	return a.tokens.verify(ctx, token)
}

// checkOrigin refuses pages of other origins. A browser always tells the origin of the
// page that connects, and no page can change it; other clients tell what they like, or
// nothing. So this protects users from foreign pages, and nothing from foreign programs.
func (a *Authorizer) checkOrigin(headers handshake.Headers) error {
	if len(a.config.Origins) == 0 {
		return nil
	}
	switch origins := headers.Values("Origin"); {
	case len(origins) == 0 && a.config.RequireOrigin:
		return fmt.Errorf("no %w: only pages may connect", errOrigin)
	case len(origins) == 0:
		return nil
	case len(origins) > 1:
		return fmt.Errorf("more than one %w", errOrigin)
	case !slices.Contains(a.config.Origins, origins[0]):
		return fmt.Errorf("%w %q is not allowed", errOrigin, origins[0])
	}
	return nil
}
