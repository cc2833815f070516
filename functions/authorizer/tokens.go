package authorizer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/internal/identity"
)

const (
	maxToken = 8 * 1024 // an authorizer's answer may have 8 KB too
	// maxExpires is the last second of the year 9999: what is later is no time.
	maxExpires = 253_402_300_799
)

// tokens checks tokens and says whose they are.
type tokens struct {
	keys      keySource
	parser    *jwt.Parser
	audiences []string
	// claims are what a token must have, by name.
	claims               map[string]string
	subject, tenantClaim string
	tenant               string // of everybody; empty: tenantClaim says it
	// leeway is how far the issuer's clock and ours may be apart. All times of a token are
	// taken with it, and so is the end of an identity.
	leeway time.Duration
}

// verify returns whose token it is.
func (t *tokens) verify(ctx context.Context, token string) (identity.Identity, error) {
	if len(token) > maxToken || strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") { // which base64 decoders skip
		return identity.Identity{}, errors.New("the token is not a JWT of at most 8 KB")
	}
	claims := jwt.MapClaims{}
	if _, err := t.parser.ParseWithClaims(token, claims, func(parsed *jwt.Token) (any, error) { return t.key(ctx, parsed) }); err != nil {
		return identity.Identity{}, fmt.Errorf("the token is not valid: %w", err)
	}
	if err := t.checkAudience(claims); err != nil {
		return identity.Identity{}, err
	}
	for name, want := range t.claims {
		if !has(claims, name, want) {
			return identity.Identity{}, fmt.Errorf("%w %q does not say %q", errClaim, name, want)
		}
	}
	return t.identity(claims)
}

// key finds what verifies a token, by its header. What the header itself brings, jwk,
// jku, x5c or x5u, is never looked at.
func (t *tokens) key(ctx context.Context, token *jwt.Token) (any, error) {
	if _, extended := token.Header["crit"]; extended {
		return nil, errors.New("the header has extensions (crit) that must be understood, and none is")
	}
	if typ, typed := token.Header["typ"]; typed && !acceptable(typ) {
		return nil, fmt.Errorf("the header's typ is %.50q: not a token for an API", fmt.Sprint(typ))
	}
	id, named := token.Header["kid"]
	w := wanted{alg: token.Method.Alg(), named: named}
	if named {
		text, ok := id.(string)
		if !ok {
			return nil, errors.New("the header's kid is not text")
		}
		w.id = text
	}
	keys, err := t.keys.find(ctx, w)
	if err != nil {
		return nil, err
	}
	set := jwt.VerificationKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.public)
	}
	return set, nil
}

// acceptable tells the types of tokens that are for an API: JWT and, after RFC 9068,
// at+jwt. Others say of themselves that they are for another purpose (RFC 8725, 3.11).
func acceptable(typ any) bool {
	text, _ := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return text == "jwt" || text == "at+jwt"
}

// checkAudience looks at client_id in a token without aud, as API Gateway's own JWT
// authorizers do: access tokens of Amazon Cognito have no other.
func (t *tokens) checkAudience(claims jwt.MapClaims) error {
	var audience []string
	if _, has := claims["aud"]; has {
		var err error
		if audience, err = claims.GetAudience(); err != nil {
			return fmt.Errorf("claim aud is neither text nor a list of texts: %w", err)
		}
	} else if client, ok := claims["client_id"].(string); ok {
		audience = []string{client}
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(t.audiences, a) }) {
		return errAudience
	}
	return nil
}

func (t *tokens) identity(claims jwt.MapClaims) (identity.Identity, error) {
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil || expires.Unix() > maxExpires {
		return identity.Identity{}, errors.New("the token's expiry is no time")
	}
	who := identity.Identity{Tenant: t.tenant, Expires: expires.Add(t.leeway)}
	who.User, _ = lookup(claims, t.subject).(string)
	if err := identity.CheckUser(who.User); err != nil {
		return identity.Identity{}, fmt.Errorf("%w %q is %w", errClaim, t.subject, err)
	}
	if t.tenant == "" {
		who.Tenant, _ = lookup(claims, t.tenantClaim).(string)
		if err := identity.CheckTenant(who.Tenant); err != nil {
			return identity.Identity{}, fmt.Errorf("%w %q is %w", errClaim, t.tenantClaim, err)
		}
	}
	return who, nil
}
