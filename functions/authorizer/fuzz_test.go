package authorizer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/metric"
)

// fuzzKey is the same in each process of a fuzz run, so that what one finds the others
// can verify.
func fuzzKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte("32 bytes of a key known to all.."))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// fuzzed is an authorizer that trusts fuzzKey.
func fuzzed(tb testing.TB) *authorizer.Authorizer {
	tb.Helper()
	config, err := json.Marshal(map[string]any{
		"issuer": "https://issuer.example/", "audiences": []string{"streamer"}, "jwks": map[string]any{"keys": []any{ecJWK(fuzzKey(tb), "ec1")}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	a, err := authorizer.New(string(config), fixed{now}, metric.None{}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// fuzzToken is a token of fuzzKey with that header and those claims, whatever they are.
func fuzzToken(tb testing.TB, header, claims []byte) string {
	tb.Helper()
	text := b64(header) + "." + b64(claims)
	signature, err := jwt.SigningMethodES256.Sign(text, fuzzKey(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return text + "." + b64(signature)
}

const (
	goodHeader = `{"alg":"ES256","kid":"ec1","typ":"JWT"}`
	goodClaims = `{"iss":"https://issuer.example/","aud":["other","streamer"],"sub":"ann","tenant":"acme","exp":1768857300}`
)

var tenantShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@:-]{0,63}\z`)

// FuzzClaims: whatever a trusted issuer signs, who is let in has a subject and a tenant
// that fit into keys, and an end that has not come.
func FuzzClaims(f *testing.F) {
	for _, claims := range []string{
		goodClaims, `{}`, `null`, `[]`,
		strings.Replace(goodClaims, `"ann"`, `"a\u0000b"`, 1), strings.Replace(goodClaims, `"acme"`, `"a#R#b"`, 1), strings.Replace(goodClaims, `"acme"`, `"acme\n"`, 1),
		strings.Replace(goodClaims, "1768857300", "1e400", 1), strings.Replace(goodClaims, "1768857300", "9.3e18", 1), strings.Replace(goodClaims, "1768857300", "-1", 1),
		strings.Replace(goodClaims, "1768857300", "1768857206", 1), strings.Replace(goodClaims, `"exp"`, `"nbf":"x","exp"`, 1), strings.Replace(goodClaims, `"exp"`, `"exp":1,"exp"`, 1),
	} {
		f.Add([]byte(goodHeader), []byte(claims))
	}
	f.Add([]byte(`{"alg":"none"}`), []byte(goodClaims))
	f.Add([]byte(`{"alg":"HS256","kid":"ec1"}`), []byte(goodClaims))
	f.Add([]byte(`{"alg":"ES256","kid":["ec1"],"jwk":{},"crit":["exp"]}`), []byte(goodClaims))
	a := fuzzed(f)
	f.Fuzz(func(t *testing.T, header, claims []byte) {
		principal, context, allowed := decide(t, a, golden(t, fuzzToken(t, header, claims)))
		if !allowed {
			return
		}
		subject, tenant := context["sub"], context["tenant"]
		if principal != subject || subject == "" || len(subject) > 128 || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unicode.IsControl) {
			t.Errorf("%q: subject %q, principal %q", claims, subject, principal)
		}
		if !tenantShape.MatchString(tenant) {
			t.Errorf("%q: tenant %q", claims, tenant)
		}
		if end, err := strconv.ParseInt(context["exp"], 10, 64); err != nil || !time.Unix(end, 0).After(now.Add(-time.Second)) {
			t.Errorf("%q: ends at %s", claims, context["exp"])
		}
	})
}

// FuzzEvent: nobody is let in but who brings, in one place, the token that is good.
func FuzzEvent(f *testing.F) {
	good := fuzzToken(f, []byte(goodHeader), []byte(goodClaims))
	f.Add(good, "", "")
	f.Add("", "Bearer "+good, "")
	f.Add("", "", "streamer.v1, streamer.bearer."+good)
	f.Add(good, "Bearer "+good, "")
	f.Add("", "", "streamer.bearer."+good)
	f.Add(good+"=", "Basic x", "streamer.v1")
	f.Add(good[:len(good)-2], "bearer \t", "")
	f.Add("", "Bearer "+goodHeader+".."+goodClaims, "")
	a := fuzzed(f)
	content := good[:strings.LastIndex(good, ".")] // the only one that was ever signed
	f.Fuzz(func(t *testing.T, query, authorization, protocols string) {
		ev := golden(t, query)
		for name, value := range map[string]string{"Authorization": authorization, "Sec-WebSocket-Protocol": protocols} {
			if value != "" {
				ev.Headers[name], ev.MultiValueHeaders[name] = value, []string{value}
			}
		}
		_, context, allowed := decide(t, a, ev)
		if !allowed {
			return
		}
		places := 0
		for _, place := range []string{query, authorization, protocols} {
			places += strings.Count(place, content)
		}
		if places != 1 || context["sub"] != "ann" || context["tenant"] != "acme" {
			t.Errorf("%q, %q, %q let in as %v", query, authorization, protocols, context)
		}
	})
}

// FuzzConfig: a configuration is refused, or it lets nobody in without a token, unless it
// says anonymous and nothing else.
func FuzzConfig(f *testing.F) {
	for _, config := range []string{
		``, `{}`, `{"anonymous":true}`, `{"anonymous":true,"issuer":"i"}`, `{"issuer":"i","audiences":["a"],"jwks":{"keys":[]}}`, `null`, `[]`,
		`{"issuer":"i","audiences":["a"],"jwks":{"keys":[{"kty":"oct","k":"AA","kid":"k"}]}}`, `{"issuer":"i","audiences":["a"],"jwks":{"keys":[{"kty":"RSA","n":"","e":"AQAB"}]}}`,
		`{"issuer":"i","audiences":["a"],"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}}`, `{"issuer":"https://i","audiences":["a"],"jwks_url":"http://127.0.0.1/k"}`, `{"issuer":"https://i","audiences":["a"],"jwks_url":"http://i@localhost.example/k"}`,
		`{"issuer":"https://i","audiences":["a"],"jwks":null,"tenant_claim":"t","leeway":-1}`, `{"anonymous":true}{}`,
	} {
		f.Add(config)
	}
	key, err := json.Marshal(ecJWK(fuzzKey(f), "ec1"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"issuer":"https://issuer.example/","audiences":["streamer"],"jwks":{"keys":[` + string(key) + `]}}`)
	f.Fuzz(func(t *testing.T, config string) {
		a, err := authorizer.New(config, fixed{now}, metric.None{}, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		_, _, allowed := decide(t, a, events.APIGatewayCustomAuthorizerRequestTypeRequest{MethodArn: "arn"})
		if config == "" {
			if allowed {
				t.Error("without a configuration everyone is let in")
			}
			return
		}
		var c contract.Auth
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatalf("%q is taken: %v", config, err)
		}
		if allowed && (!c.Anonymous || c.Issuer+c.JWKSURL+string(c.JWKS) != "") {
			t.Errorf("%q lets everyone in", config)
		}
		if c.JWKSURL == "" || c.Anonymous {
			return
		}
		u, err := url.Parse(c.JWKSURL)
		if err != nil {
			t.Fatalf("%q is taken: %v", config, err)
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			t.Errorf("%q fetches keys from %s", config, u)
		}
	})
}

// FuzzKeys: with whatever keys, a token that none of them signed is refused.
func FuzzKeys(f *testing.F) {
	ec, err := json.Marshal(ecJWK(fuzzKey(f), "ec1"))
	if err != nil {
		f.Fatal(err)
	}
	for _, key := range []string{
		string(ec), `{"kty":"oct","k":"AA","kid":"k"}`, `{"kty":"RSA","n":"AQAB","e":"AQAB"}`, `{"kty":"RSA","n":"` + strings.Repeat("__", 200) + `","e":"Aw"}`, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		`{"kty":"EC","crv":"P-521","x":"` + strings.Repeat("A", 88) + `","y":"` + strings.Repeat("A", 88) + `"}`, `{"kty":"OKP","crv":"Ed25519","x":"` + strings.Repeat("A", 43) + `"}`, `null`, `{"kty":"EC","d":"AA"}`,
	} {
		f.Add([]byte(`{"keys":[`+key+`]}`), []byte{1})
	}
	f.Fuzz(func(t *testing.T, keys, signature []byte) {
		config, err := json.Marshal(map[string]any{"issuer": "https://issuer.example/", "audiences": []string{"streamer"}, "jwks": json.RawMessage(keys)})
		if err != nil {
			return // no JSON
		}
		a, err := authorizer.New(string(config), fixed{now}, metric.None{}, slog.New(slog.DiscardHandler))
		if err != nil {
			return
		}
		for _, alg := range []string{"ES256", "ES384", "ES512", "EdDSA", "RS256", "PS512", "HS256", "none"} {
			text := b64([]byte(`{"alg":"`+alg+`"}`)) + "." + b64([]byte(goodClaims)) + "." + b64(signature)
			if _, _, allowed := decide(t, a, golden(t, text)); allowed {
				t.Errorf("with the keys %s, %s is let in", keys, text)
			}
		}
	})
}
