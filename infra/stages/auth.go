package stages

import (
	"errors"
	"fmt"
	"os"

	"github.com/pay-theory/streamer/constructs"
)

// auth reads whose tokens open a connection, from context or environment: issuer or
// STREAMER_ISSUER, audience or STREAMER_AUDIENCE, and jwksFile or STREAMER_JWKS_FILE,
// a file with the issuer's public keys. All three or none: without them every
// connection is refused.
func auth(setting func(key, variable string) string) (*constructs.AuthProps, error) {
	issuer := setting("issuer", "STREAMER_ISSUER")
	audience := setting("audience", "STREAMER_AUDIENCE")
	file := setting("jwksFile", "STREAMER_JWKS_FILE")
	if issuer == "" && audience == "" && file == "" {
		return nil, nil
	}
	if issuer == "" || audience == "" || file == "" {
		return nil, errors.New("issuer, audience and jwksFile belong together: give all three with -c, or none")
	}
	jwks, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read jwksFile: %w", err)
	}
	return &constructs.AuthProps{Issuer: issuer, Audience: audience, JWKS: string(jwks)}, nil
}
