package stages

import (
	"errors"
	"fmt"
	"os"

	"github.com/pay-theory/streamer/constructs"
)

// auth reads whose tokens open a connection, from context or environment: issuer or
// STREAMER_ISSUER, and audience or STREAMER_AUDIENCE: without them every connection is
// refused. Keys are found at the issuer, or in a file that jwksFile or STREAMER_JWKS_FILE
// names.
func auth(setting func(key, variable string) string) (*constructs.AuthProps, error) {
	issuer := setting("issuer", "STREAMER_ISSUER")
	audience := setting("audience", "STREAMER_AUDIENCE")
	file := setting("jwksFile", "STREAMER_JWKS_FILE")
	if issuer == "" && audience == "" && file == "" {
		return nil, nil
	}
	if issuer == "" || audience == "" {
		return nil, errors.New("issuer and audience belong together: give both with -c, or neither")
	}
	auth := &constructs.AuthProps{Issuer: issuer, Audiences: []string{audience}}
	if file == "" {
		return auth, nil
	}
	jwks, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read jwksFile: %w", err)
	}
	auth.JWKS = string(jwks)
	return auth, nil
}
