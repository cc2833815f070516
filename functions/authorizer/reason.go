package authorizer

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// What refusals come from, beside the errors of package jwt.
var (
	errNotConfigured = errors.New("no authorizer is configured, so everyone is refused")
	errOrigin        = errors.New("origin")
	errNoToken       = errors.New("no token")
	errNoKeys        = errors.New("the issuer's keys are not known")
	errAudience      = errors.New("the token is for another audience")
	errClaim         = errors.New("claim")
)

// reason is the value of contract.DimensionCode for a refusal: few, so that each may be a
// metric of its own.
func reason(err error) string {
	for _, known := range []struct {
		err  error
		code string
	}{
		{errNotConfigured, "NOT_CONFIGURED"},
		{errOrigin, "ORIGIN"},
		{errNoToken, "NO_TOKEN"},
		{errNoKeys, "NO_KEYS"},
		{jwt.ErrTokenSignatureInvalid, "SIGNATURE"},
		{errUnknownKey, "SIGNATURE"},
		{jwt.ErrTokenExpired, "EXPIRED"},
		{jwt.ErrTokenInvalidIssuer, "ISSUER"},
		{errAudience, "AUDIENCE"},
		{errClaim, "CLAIM"},
	} {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return "BAD_TOKEN"
}
