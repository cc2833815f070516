package authorizer_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/metric"
)

// internet lets a server on this machine answer for every host, with a certificate that
// is trusted: so tokens, documents and addresses can be as they are.
func internet(t *testing.T, documents map[string]any) (asked map[string]int) {
	t.Helper()
	asked = map[string]int{}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := "https://" + r.Host + r.URL.Path
		asked[at]++
		document, found := documents[at]
		if !found {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(document)
	}))
	t.Cleanup(server.Close)
	trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	ours := http.DefaultTransport
	http.DefaultTransport = &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: "example.com"}, // what that certificate says
	}
	t.Cleanup(func() { http.DefaultTransport = ours })
	return asked
}

// recipe is what an example of package constructs configures; a test there holds the two
// together.
func recipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// issued is a token that one issuer makes, with some claims changed; a nil one is left
// out.
type issued struct {
	header, claims map[string]any
	change         map[string]any
	want           string // user and tenant; empty: refused
}

// meet lets an authorizer meet tokens, and wants it to have asked for the keys where they
// are, once.
func meet(t *testing.T, config string, documents map[string]any, tokens map[string]issued) {
	asked := internet(t, documents)
	a, err := authorizer.New(config, fixed{now}, metric.None{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range tokens {
		claims := jwt.MapClaims(maps.Clone(c.claims))
		maps.Copy(claims, c.change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		made := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		made.Header = maps.Clone(c.header)
		text, err := made.SignedString(keys().rsa)
		if err != nil {
			t.Fatal(err)
		}
		_, context, allowed := decide(t, a, golden(t, text))
		if got := strings.TrimSpace(context["sub"] + " " + context["tenant"]); allowed != (c.want != "") || got != c.want {
			t.Errorf("%s: allowed %v as %q, want %q", name, allowed, got, c.want)
		}
	}
	for at := range documents {
		if asked[at] != 1 {
			t.Errorf("asked %v, want %s once", asked, at)
		}
	}
}

func in(d time.Duration) int64 { return now.Add(d).Unix() }

// Amazon Cognito developer guide, "Understanding the access token", "Understanding the
// identity (ID) token" and "Verifying JSON web tokens".
func TestCognito(t *testing.T) {
	const pool = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Example01"
	const client, user = "1example23456789clientid00", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	other := rsaJWK(keys().otherRSA, "5678example=")
	documents := map[string]any{
		pool + "/.well-known/openid-configuration": map[string]any{
			"authorization_endpoint": "https://shop.auth.eu-west-1.amazoncognito.com/oauth2/authorize", "id_token_signing_alg_values_supported": []string{"RS256"},
			"issuer": pool, "jwks_uri": pool + "/.well-known/jwks.json", "response_types_supported": []string{"code", "token"}, "subject_types_supported": []string{"public"},
		},
		pool + "/.well-known/jwks.json": map[string]any{"keys": []any{rsaJWK(keys().rsa, "1234example="), other}}, // one for each kind of token
	}
	header := map[string]any{"kid": "1234example=", "alg": "RS256"}
	access := map[string]any{
		"sub": user, "device_key": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "cognito:groups": []string{"testgroup"}, "iss": pool, "version": 2,
		"client_id": client, "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "token_use": "access",
		"scope": "phone openid profile resourceserver.1/appclient2 email", "auth_time": in(-time.Minute), "exp": in(time.Hour), "iat": in(-time.Minute),
		"jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "username": "my-test-user",
		"tenant": "acme", // by a trigger
	}
	id := map[string]any{
		"sub": user, "cognito:groups": []string{"testgroup"}, "email_verified": true, "iss": pool, "cognito:username": "my-test-user", "custom:tenant": "acme",
		"origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "aud": client, "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "token_use": "id",
		"auth_time": in(-time.Minute), "exp": in(time.Hour), "iat": in(-time.Minute), "jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "email": "my-test-user@example.com",
	}
	text := recipe(t, "cognito")
	meet(t, text, documents, map[string]issued{
		"access":                     {header, access, nil, user + " acme"},
		"access, no trigger":         {header, access, map[string]any{"tenant": nil}, ""},
		"access, a tenant in a list": {header, access, map[string]any{"tenant": []string{"acme"}}, ""},
		"access, another client":     {header, access, map[string]any{"client_id": "another"}, ""},
		"access, another pool":       {header, access, map[string]any{"iss": pool + "2"}, ""},
		"access, bound to another":   {header, access, map[string]any{"aud": "https://solar.example.com"}, ""},
		"id":                         {header, id, map[string]any{"tenant": "acme"}, ""},
		"id with the other key":      {map[string]any{"kid": "5678example=", "alg": "RS256"}, id, nil, ""},
	})
	// What its example says of ID tokens.
	ids := strings.NewReplacer(`"token_use":"access"`, `"token_use":"id"`, `{"issuer"`, `{"tenant_claim":"custom:tenant","issuer"`).Replace(text)
	meet(t, ids, documents, map[string]issued{
		"id":             {header, id, nil, user + " acme"},
		"id, no tenant":  {header, id, map[string]any{"custom:tenant": nil}, ""},
		"id of another":  {header, id, map[string]any{"aud": "another"}, ""},
		"access for ids": {header, access, map[string]any{"custom:tenant": "acme"}, ""},
	})
}

// Auth0 documentation, "Access Token Profiles", "Create Custom Claims" and "JSON Web Key
// Sets".
func TestAuth0(t *testing.T) {
	const domain, api, client, user = "https://shop.eu.auth0.com/", "https://stream.shop.example.com", "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja", "auth0|6553da60a54af58e29493993"
	key := rsaJWK(keys().rsa, "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg")
	key["x5c"], key["x5t"] = []string{"MIIC+DCCAeCgAwIBAgIJBIGjYW6hFpn2MA0GCSqGSIb3DQEBBQUAMCMxITAfBgNVBAMTGGN1c3RvbWVyLWRlbW9z"}, "NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg"
	documents := map[string]any{
		domain + ".well-known/openid-configuration": map[string]any{"issuer": domain, "jwks_uri": domain + ".well-known/jwks.json", "token_endpoint": domain + "oauth/token", "userinfo_endpoint": domain + "userinfo"},
		domain + ".well-known/jwks.json":            map[string]any{"keys": []any{key, rsaJWK(keys().otherRSA, "next")}}, // and the one that will be used next
	}
	header := map[string]any{"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
	rfc9068 := map[string]any{"alg": "RS256", "typ": "at+jwt", "kid": key["kid"]}
	access := map[string]any{
		"https://shop.example.com/tenant": "acme", "iss": domain, "sub": user, "aud": []string{api, domain + "userinfo"},
		"iat": in(-time.Minute), "exp": in(24 * time.Hour), "scope": "openid profile stream:use", "azp": client, "permissions": []string{"stream:use"},
	}
	id := map[string]any{
		"https://shop.example.com/tenant": "acme", "nickname": "ann", "name": "ann@example.com", "email": "ann@example.com", "email_verified": true, "updated_at": "2026-01-19T11:34:14.566Z",
		"iss": domain, "aud": client, "sub": user, "iat": in(-time.Minute), "exp": in(10 * time.Hour), "sid": "8a1Xl1bnqo", "nonce": "n-0S6_WzA2Mj",
	}
	machine := map[string]any{"https://shop.example.com/tenant": "acme", "iss": domain, "sub": client + "@clients", "aud": api, "iat": in(-time.Minute), "exp": in(24 * time.Hour), "azp": client, "gty": "client-credentials"}
	meet(t, recipe(t, "auth0"), documents, map[string]issued{
		"access":                  {header, access, nil, user + " acme"},
		"access, RFC 9068":        {rfc9068, access, map[string]any{"azp": nil, "client_id": client, "jti": "73WakrfVbNJBaAmhQtEeDv"}, user + " acme"},
		"a machine's":             {header, machine, nil, client + "@clients acme"},
		"access, no Action":       {header, access, map[string]any{"https://shop.example.com/tenant": nil}, ""},
		"access, org_id alone":    {header, access, map[string]any{"https://shop.example.com/tenant": nil, "org_id": "org_9ybsU1dN2dKfDkBi"}, ""},
		"access, another's API":   {header, access, map[string]any{"aud": []string{"https://other.example.com", domain + "userinfo"}}, ""},
		"access for userinfo":     {header, access, map[string]any{"aud": domain + "userinfo"}, ""},
		"access, no slash in iss": {header, access, map[string]any{"iss": strings.TrimSuffix(domain, "/")}, ""},
		"id":                      {header, id, nil, ""},
		"a logout":                {map[string]any{"alg": "RS256", "typ": "logout+jwt", "kid": key["kid"]}, access, nil, ""},
	})
	organizations := strings.Replace(recipe(t, "auth0"), "https://shop.example.com/tenant", "org_id", 1)
	meet(t, organizations, documents, map[string]issued{
		"access": {header, access, map[string]any{"org_id": "org_9ybsU1dN2dKfDkBi"}, user + " org_9ybsU1dN2dKfDkBi"},
	})
}

// Microsoft identity platform, "Access token claims reference", "ID token claims
// reference" and "Access tokens": its keys name no alg, and each its issuer.
func TestEntra(t *testing.T) {
	const directory, api, page = "aaaabbbb-0000-cccc-1111-dddd2222eeee", "00001111-aaaa-2222-bbbb-3333cccc4444", "11112222-bbbb-3333-cccc-4444dddd5555"
	const host = "https://login.microsoftonline.com/" + directory
	const user = "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"
	key := rsaJWK(keys().rsa, "nOo3ZDrODXEK1jKWhXslHR_KXEg")
	delete(key, "alg")
	key["x5t"], key["issuer"], key["cloud_instance_name"] = key["kid"], host+"/v2.0", "microsoftonline.com"
	key["x5c"] = []string{"MIIDBTCCAe2gAwIBAgIQN33ROaIJ6bJBWDCxtmJEbjANBgkqhkiG9w0BAQsFADAtMSswKQYDVQQDEyJhY2NvdW50"}
	next := rsaJWK(keys().otherRSA, "l3sQ-50cCH4xBVZLHTGwnSR7680")
	delete(next, "alg")
	documents := map[string]any{
		host + "/v2.0/.well-known/openid-configuration": map[string]any{"issuer": host + "/v2.0", "jwks_uri": host + "/discovery/v2.0/keys", "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com"},
		host + "/discovery/v2.0/keys":                   map[string]any{"keys": []any{next, key}},
	}
	header := map[string]any{"typ": "JWT", "alg": "RS256", "kid": key["kid"]}
	access := map[string]any{
		"aud": api, "iss": host + "/v2.0", "iat": in(-5 * time.Minute), "nbf": in(-5 * time.Minute), "exp": in(70 * time.Minute), "aio": "AWQAm/8TAAAA",
		"azp": page, "azpacr": "0", "name": "Ann", "oid": user, "preferred_username": "ann@contoso.com", "rh": "0.AXMAabc", "scp": "Other.Read Stream.Use",
		"sid": "004a0a4f", "sub": "gVU9wEEgsj3LgjbsoBqhcxdrQ7_w4UaJsUZ5k3Sc", "tid": directory, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
	}
	id := map[string]any{
		"aud": api, "iss": host + "/v2.0", "iat": in(-5 * time.Minute), "nbf": in(-5 * time.Minute), "exp": in(time.Hour), "name": "Ann", "nonce": "678910", "oid": user,
		"preferred_username": "ann@contoso.com", "rh": "0.AXMAabc", "sub": "gVU9wEEgsj3LgjbsoBqhcxdrQ7_w4UaJsUZ5k3Sc", "tid": directory, "uti": "fqiBqXLPj0eQa82S-IYFAA", "ver": "2.0",
	}
	meet(t, recipe(t, "entra"), documents, map[string]issued{
		"access":                {header, access, nil, user + " " + directory},
		"access, one scope":     {header, access, map[string]any{"scp": "Stream.Use"}, user + " " + directory},
		"access, another scope": {header, access, map[string]any{"scp": "Stream.UseNot"}, ""},
		"an app's, with roles":  {header, access, map[string]any{"scp": nil, "idtyp": "app", "roles": []string{"Stream.Use"}}, ""},
		"of another directory":  {header, access, map[string]any{"iss": "https://login.microsoftonline.com/bbbbcccc-1111-dddd-2222-eeee3333ffff/v2.0"}, ""},
		"v1.0":                  {header, access, map[string]any{"iss": "https://sts.windows.net/" + directory + "/", "aud": "api://" + api, "appid": page, "azp": nil, "ver": "1.0"}, ""},
		"for Microsoft Graph":   {header, access, map[string]any{"aud": "00000003-0000-0000-c000-000000000000"}, ""},
		"id":                    {header, id, nil, ""},
	})
}
