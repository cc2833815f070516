package authorizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/handshake"
	"github.com/pay-theory/streamer/protocol"
)

// find takes the token from the one place where it stands: ?token=, Authorization, or a
// subprotocol.
func find(ev events.APIGatewayCustomAuthorizerRequestTypeRequest, headers handshake.Headers) (string, error) {
	var tokens []string
	tokens = append(tokens, ev.MultiValueQueryStringParameters["token"]...)
	if t := ev.QueryStringParameters["token"]; t != "" && len(tokens) == 0 {
		tokens = append(tokens, t)
	}
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
		return "", errNoToken
	case 1:
		return tokens[0], nil
	}
	return "", errors.New("more than one token")
}
