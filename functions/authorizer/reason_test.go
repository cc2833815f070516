package authorizer_test

import (
	"log/slog"
	"maps"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
)

func TestRefusalsAreCountedByTheirReason(t *testing.T) {
	other := func(change map[string]any) events.APIGatewayCustomAuthorizerRequestTypeRequest {
		return golden(t, token{claims: change}.sign(t))
	}
	forged := token{key: keys().otherEC}.sign(t)
	origin := other(nil)
	origin.Headers["Origin"], origin.MultiValueHeaders["Origin"] = "https://evil.example", []string{"https://evil.example"}
	for want, c := range map[string]struct {
		config string
		event  events.APIGatewayCustomAuthorizerRequestTypeRequest
	}{
		"NOT_CONFIGURED": {"", other(nil)},
		"NO_TOKEN":       {config(t, nil), with(t)},
		"BAD_TOKEN":      {config(t, nil), golden(t, "no-jwt")},
		"SIGNATURE":      {config(t, nil), golden(t, forged)},
		"EXPIRED":        {config(t, nil), other(map[string]any{"exp": now.Unix() - 3600})},
		"ISSUER":         {config(t, nil), other(map[string]any{"iss": "https://evil.example/"})},
		"AUDIENCE":       {config(t, nil), other(map[string]any{"aud": "another"})},
		"CLAIM":          {config(t, nil), other(map[string]any{"tenant": 7})},
		"ORIGIN":         {config(t, map[string]any{"origins": []string{"https://app.example"}}), origin},
		"NO_KEYS":        {config(t, map[string]any{"jwks": nil, "jwks_url": "https://127.0.0.1:1/"}), other(nil)},
	} {
		metrics := &metrictest.Tally{}
		a, err := authorizer.New(c.config, fixed{now}, metrics, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Handle(t.Context(), c.event); (err != nil) != (want == "NO_KEYS") {
			t.Errorf("%s: error %v", want, err)
		}
		if got := metrics.Sums(); !maps.Equal(got, map[string]int{"ConnectsRefused " + want: 1}) {
			t.Errorf("%s: counted %v", want, got)
		}
	}
}
