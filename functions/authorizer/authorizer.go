// Package authorizer decides who may connect: it verifies a JWT and turns its claims
// into the identity that API Gateway passes on with every message.
//
// # Design
//
// It fails closed. Without a configuration it refuses everyone, whatever they bring; so
// does a token that is in two places, that has no expiry, or whose algorithm is not
// listed. It refuses by a Deny policy and not by an error, since API Gateway answers an
// error with 500.
package authorizer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/handshake"
	"github.com/pay-theory/streamer/protocol"
)

// Limits of a token and its claims.
const (
	maxToken   = 8 * 1024 // an authorizer's answer may have 8 KB too
	maxSubject = 128
	maxReason  = 300 // of a refusal in the log: a token's header may stand in it
	// leeway is how far an issuer's clock may be ahead of ours. It lengthens no token:
	// an identity ends when its token does.
	leeway = 30 * time.Second
	// anonymousLife is how long an anonymous identity lasts: longer than API Gateway keeps
	// a connection.
	anonymousLife = 3 * time.Hour
)

// A tenant's name stands in keys and paths, so its characters are bounded.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}$`)

// Config says which tokens to trust.
type Config struct {
	Issuer   string `json:"issuer"`
	Audience string `json:"audience"`
	// JWKS is a JSON Web Key Set with the public keys, ES256 or RS256.
	JWKS json.RawMessage `json:"jwks"`
	// SubjectClaim and TenantClaim name the claims that hold the user and the tenant.
	// They default to "sub" and "tenant".
	SubjectClaim string `json:"subject_claim,omitempty"`
	TenantClaim  string `json:"tenant_claim,omitempty"`
	// Anonymous lets everyone in, without a token, as one user of one tenant.
	Anonymous bool `json:"anonymous,omitempty"`
}

// Authorizer is the function behind $connect.
type Authorizer struct {
	config Config
	keys   jwt.Keyfunc // nil: refuse everyone
	parser *jwt.Parser
	clock  clock.Clock
	log    *slog.Logger
}

// New makes an authorizer from its configuration as JSON. An empty one refuses everyone;
// one that is wrong is an error.
func New(config string, c clock.Clock, log *slog.Logger) (*Authorizer, error) {
	a := &Authorizer{clock: c, log: log}
	if config == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(config), &a.config); err != nil {
		return nil, fmt.Errorf("authorizer configuration: %w", err)
	}
	if err := a.config.validate(); err != nil {
		return nil, fmt.Errorf("authorizer configuration: %w", err)
	}
	if a.config.Anonymous {
		return a, nil
	}
	if a.config.SubjectClaim == "" {
		a.config.SubjectClaim = "sub"
	}
	if a.config.TenantClaim == "" {
		a.config.TenantClaim = "tenant"
	}
	keys, err := keyfunc.NewJWKSetJSON(a.config.JWKS)
	if err != nil {
		return nil, fmt.Errorf("authorizer configuration: jwks: %w", err)
	}
	if usable, err := keys.VerificationKeySet(context.Background()); err != nil || len(usable.Keys) == 0 { // no call: they are in memory
		return nil, errors.New("authorizer configuration: jwks has no public key that can verify a token")
	}
	a.keys = keys.Keyfunc
	a.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg(), jwt.SigningMethodRS256.Alg()}),
		jwt.WithIssuer(a.config.Issuer), jwt.WithAudience(a.config.Audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(leeway), jwt.WithStrictDecoding(),
		jwt.WithTimeFunc(c.Now),
	)
	return a, nil
}

// validate names what is missing. Anonymous beside anything else is refused: nobody is
// let in by accident.
func (c Config) validate() error {
	tokens := c.Issuer + c.Audience + c.SubjectClaim + c.TenantClaim + string(c.JWKS)
	switch {
	case c.Anonymous && tokens != "":
		return errors.New("anonymous stands beside settings for tokens: give either")
	case c.Anonymous:
		return nil
	case c.Issuer == "":
		return errors.New("issuer is missing")
	case c.Audience == "":
		return errors.New("audience is missing")
	case len(c.JWKS) == 0:
		return errors.New("jwks is missing")
	}
	return nil
}

type identity struct {
	subject, tenant string
	expires         time.Time
}

// Handle is the function's entry. It never returns an error: a refusal is an answer.
func (a *Authorizer) Handle(ctx context.Context, ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (events.APIGatewayCustomAuthorizerResponse, error) {
	who, err := a.identify(ev)
	if err != nil {
		a.log.WarnContext(ctx, "connection refused", "reason", fmt.Sprintf("%.*s", maxReason, err))
		return answer("nobody", "Deny", ev.MethodArn, nil), nil
	}
	a.log.InfoContext(ctx, "connection allowed", "tenant", who.tenant)
	return answer(who.subject, "Allow", ev.MethodArn, map[string]any{
		contract.IdentitySubject: who.subject,
		contract.IdentityTenant:  who.tenant,
		contract.IdentityExpires: strconv.FormatInt(who.expires.Unix(), 10),
	}), nil
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

func (a *Authorizer) identify(ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (who identity, err error) {
	defer func() {
		if p := recover(); p != nil {
			who, err = identity{}, fmt.Errorf("token check panicked: %v", p)
		}
	}()
	if a.config.Anonymous {
		return identity{"anonymous", "anonymous", a.clock.Now().Add(anonymousLife)}, nil
	}
	if a.keys == nil {
		return who, errors.New("no authorizer is configured, so everyone is refused")
	}
	token, err := find(ev)
	if err != nil {
		return who, err
	}
	if len(token) > maxToken || strings.Count(token, ".") != 2 {
		return who, errors.New("the token is not a JWT of at most 8 KB")
	}
	claims := jwt.MapClaims{}
	if _, err := a.parser.ParseWithClaims(token, claims, a.keys); err != nil {
		return who, fmt.Errorf("the token is not valid: %w", err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return who, errors.New("the token has no expiry")
	}
	if who.expires = expires.Time; !who.expires.After(a.clock.Now()) {
		return who, errors.New("the token has run out, if only just now: its identity would have, too")
	}
	who.subject, _ = claims[a.config.SubjectClaim].(string)
	who.tenant, _ = claims[a.config.TenantClaim].(string)
	if !validSubject(who.subject) {
		return who, fmt.Errorf("claim %q is not 1 to %d characters without control characters", a.config.SubjectClaim, maxSubject)
	}
	if !tenantName.MatchString(who.tenant) {
		return who, fmt.Errorf("claim %q is not 1 to 64 letters, digits and . _ @ : -, the first a letter or digit", a.config.TenantClaim)
	}
	return who, nil
}

func validSubject(s string) bool {
	return s != "" && len(s) <= maxSubject && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// find takes the token from the one place where it stands: ?token=, Authorization, or a
// subprotocol.
func find(ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (string, error) {
	var tokens []string
	tokens = append(tokens, ev.MultiValueQueryStringParameters["token"]...)
	if t := ev.QueryStringParameters["token"]; t != "" && len(tokens) == 0 {
		tokens = append(tokens, t)
	}
	headers := handshake.Headers{Single: ev.Headers, Multi: ev.MultiValueHeaders}
	for _, h := range headers.Values("Authorization") {
		if h == "" {
			continue
		}
		scheme, t, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") || t == "" {
			return "", errors.New("the Authorization header is not a bearer token")
		}
		tokens = append(tokens, strings.TrimSpace(t))
	}
	offered := headers.Subprotocols()
	for _, p := range offered {
		if t, ok := strings.CutPrefix(p, protocol.SubprotocolBearer); ok {
			if !slices.Contains(offered, protocol.Subprotocol) {
				return "", fmt.Errorf("the subprotocol %s is not offered beside the token", protocol.Subprotocol)
			}
			tokens = append(tokens, t)
		}
	}
	switch len(tokens) {
	case 0:
		return "", errors.New("no token")
	case 1:
		return tokens[0], nil
	}
	return "", errors.New("more than one token")
}
