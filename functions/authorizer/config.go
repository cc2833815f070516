package authorizer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/identity"
)

// check says what is missing or contradicts itself, and what it means to leave out.
// Anonymous beside settings for tokens is refused: nobody is let in by accident.
func check(c contract.Auth) error {
	tokens := c.Issuer + c.JWKSURL + c.SubjectClaim + c.TenantClaim + c.Tenant + string(c.JWKS)
	switch {
	case c.RequireOrigin && len(c.Origins) == 0:
		return errors.New("require_origin is set without origins")
	case c.Anonymous && (tokens != "" || len(c.Audiences)+len(c.Claims)+c.LeewaySeconds > 0):
		return errors.New("anonymous stands beside settings for tokens: give either")
	case c.Anonymous:
		return nil
	case c.Issuer == "":
		return errors.New("issuer is missing")
	case len(c.Audiences) == 0:
		return errors.New("audiences are missing")
	case len(c.JWKS) > 0 && c.JWKSURL != "":
		return errors.New("jwks stands beside jwks_url: give either")
	case c.TenantClaim != "" && c.Tenant != "":
		return errors.New("tenant_claim stands beside tenant: give either")
	case c.LeewaySeconds < 0:
		return errors.New("leeway is negative")
	}
	if c.Tenant != "" {
		if err := identity.CheckTenant(c.Tenant); err != nil {
			return fmt.Errorf("tenant is %w", err)
		}
	}
	return nil
}

// newTokens makes the check of tokens from a configuration that is not for anonymous.
func newTokens(c contract.Auth, clk clock.Clock, log *slog.Logger) (*tokens, error) {
	keys, err := newKeys(c, clk, log)
	if err != nil {
		return nil, err
	}
	leeway := time.Duration(cmp.Or(c.LeewaySeconds, contract.DefaultLeewaySeconds)) * time.Second
	return &tokens{
		keys: keys, audiences: c.Audiences, claims: c.Claims,
		subject: cmp.Or(c.SubjectClaim, "sub"), tenantClaim: cmp.Or(c.TenantClaim, "tenant"), tenant: c.Tenant,
		leeway: leeway,
		parser: jwt.NewParser(
			jwt.WithValidMethods(algorithms), jwt.WithIssuer(c.Issuer),
			jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway),
			jwt.WithStrictDecoding(), jwt.WithTimeFunc(clk.Now),
		),
	}, nil
}

// newKeys finds the issuer's keys where the configuration says that they are. It makes
// no call.
func newKeys(c contract.Auth, clk clock.Clock, log *slog.Logger) (keySource, error) {
	if len(c.JWKS) > 0 {
		keys, err := parseKeys(c.JWKS)
		if err != nil {
			return nil, fmt.Errorf("jwks %w", err)
		}
		return fixedKeys(keys), nil
	}
	from, err := newIssuer(c.Issuer, c.JWKSURL)
	if err != nil {
		return nil, err
	}
	return newCachedKeys(from.keys, clk, log), nil
}
