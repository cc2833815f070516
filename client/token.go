package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// jwt is what a JSON Web Token is made of. Anything else, a line break above all, would
// break the handshake's headers.
var jwt = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// StaticToken is the Token of a client that has just one. A client that must outlive it
// needs a function that gets a fresh one.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// token is the one of the next handshake. What is no token is refused without showing it.
func (c *Client) token(ctx context.Context) (string, error) {
	token, err := c.options.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("get a token: %w", err)
	}
	if !jwt.MatchString(token) {
		return "", &Error{Code: protocol.Unauthenticated, Message: "the token is no JWT: it has other characters than A-Z, a-z, 0-9, _, - and ."}
	}
	return token, nil
}

// expiry is when a token runs out; zero if it does not say so, which is not for this side
// to judge.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Exp float64 `json:"exp"` // seconds
	}
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.Exp <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(claims.Exp * 1000))
}
