package authorizer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/metric"
)

var now = time.Unix(1_768_857_206, 0)

// fixed is a clock that stands still.
type fixed struct{ at time.Time }

func (f fixed) Now() time.Time                               { return f.at }
func (fixed) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

// breaking is a clock that panics.
type breaking struct{ fixed }

func (breaking) Now() time.Time { panic("clock is broken") }

// keyring are the keys of an issuer, and one that is not its.
type keyring struct {
	ec, otherEC   *ecdsa.PrivateKey
	rsa, otherRSA *rsa.PrivateKey
}

var keys = sync.OnceValue(func() keyring {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var k keyring
	var err error
	k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	k.otherEC, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	k.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	k.otherRSA, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return k
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func ecJWK(k *ecdsa.PrivateKey, kid string) map[string]any {
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return map[string]any{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": b64(point[1:33]), "y": b64(point[33:])}
}

func rsaJWK(k *rsa.PrivateKey, kid string) map[string]any {
	return map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
}

// config is the authorizer's configuration, with the given members changed; a nil one is
// left out.
func config(t *testing.T, change map[string]any) string {
	t.Helper()
	c := map[string]any{
		"issuer": "https://issuer.example/", "audiences": []string{"streamer"},
		"jwks": map[string]any{"keys": []any{ecJWK(keys().ec, "ec1"), rsaJWK(keys().rsa, "rsa1")}},
	}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// token is a good one but for what is changed; a nil value takes a member out.
type token struct {
	method jwt.SigningMethod
	key    any
	header map[string]any
	claims map[string]any
}

func (tk token) sign(t *testing.T) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": "https://issuer.example/", "aud": "streamer", "sub": "ann", "tenant": "acme", "exp": now.Add(time.Hour).Unix()}
	maps.Copy(claims, tk.claims)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	method, key, kid := tk.method, tk.key, "ec1"
	if method == nil {
		method = jwt.SigningMethodES256
	}
	if key == nil {
		key = crypto.Signer(keys().ec)
	}
	made := jwt.NewWithClaims(method, claims)
	made.Header["kid"] = kid
	maps.Copy(made.Header, tk.header)
	maps.DeleteFunc(made.Header, func(_ string, v any) bool { return v == nil })
	text, err := made.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// golden is API Gateway's event for a handshake with ?token=.
func golden(t *testing.T, token string) (ev events.APIGatewayCustomAuthorizerRequestTypeRequest) {
	t.Helper()
	text, err := os.ReadFile("testdata/connect.json")
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte(`"TOKEN"`), quoted), &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// with is the golden event without a query, and with the given headers.
func with(t *testing.T, headers ...[2]string) events.APIGatewayCustomAuthorizerRequestTypeRequest {
	t.Helper()
	ev := golden(t, "")
	ev.QueryStringParameters, ev.MultiValueQueryStringParameters = nil, nil
	for _, h := range headers {
		ev.Headers[h[0]] = h[1]
		ev.MultiValueHeaders[h[0]] = append(ev.MultiValueHeaders[h[0]], h[1])
	}
	return ev
}

func start(t *testing.T, config string) (*authorizer.Authorizer, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	a, err := authorizer.New(config, fixed{now}, metric.None{}, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return a, &log
}

// noKeys is the only error, which API Gateway answers with 500.
const noKeys = "the issuer's keys are not known"

// decide runs the authorizer as Lambda would and holds its answer to the shape that API
// Gateway takes.
func decide(t *testing.T, a *authorizer.Authorizer, ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (principal string, context map[string]string, allowed bool) {
	t.Helper()
	payload, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lambda.NewHandler(a.Handle).Invoke(t.Context(), payload)
	if err != nil && err.Error() == noKeys {
		return "", nil, false
	}
	if err != nil {
		t.Fatalf("a refusal is an answer and no error: %v", err)
	}
	var answer struct {
		PrincipalID    string `json:"principalId"`
		PolicyDocument struct {
			Version   string
			Statement []struct {
				Action   []string
				Effect   string
				Resource []string
			}
		} `json:"policyDocument"`
		Context map[string]string `json:"context"` // strings alone
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&answer); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	p := answer.PolicyDocument
	if p.Version != "2012-10-17" || len(p.Statement) != 1 || answer.PrincipalID == "" {
		t.Fatalf("policy %s", out)
	}
	s := p.Statement[0]
	if !reflect.DeepEqual(s.Action, []string{"execute-api:Invoke"}) || !reflect.DeepEqual(s.Resource, []string{ev.MethodArn}) {
		t.Errorf("policy %s", out)
	}
	switch s.Effect {
	case "Allow":
		return answer.PrincipalID, answer.Context, true
	case "Deny":
		if answer.PrincipalID != "nobody" || len(answer.Context) != 0 {
			t.Errorf("a refusal that names someone: %s", out)
		}
		return "", nil, false
	}
	t.Fatalf("policy %s", out)
	return "", nil, false
}

// clean fails if a part of a token that proves anything stands in the log, or if there is
// anything but one line of bounded length.
func clean(t *testing.T, log *bytes.Buffer, tokens ...string) {
	t.Helper()
	if strings.Count(log.String(), "\n") != 1 || log.Len() > 2000 {
		t.Errorf("log has %d bytes: %.3000s", log.Len(), log)
	}
	for _, token := range tokens {
		for i, part := range strings.Split(token, ".") {
			if i > 0 && len(part) > 8 && strings.Contains(log.String(), part) {
				t.Errorf("a token stands in the log: %s", log)
			}
		}
	}
}

func TestPlacesOfAToken(t *testing.T) {
	good := token{}.sign(t)
	const protocols = "Sec-WebSocket-Protocol"
	query := func(single map[string]string, multi map[string][]string) events.APIGatewayCustomAuthorizerRequestTypeRequest {
		ev := with(t)
		ev.QueryStringParameters, ev.MultiValueQueryStringParameters = single, multi
		return ev
	}
	both := with(t, [2]string{"Authorization", "Bearer " + good})
	both.QueryStringParameters = map[string]string{"token": good}
	cased := with(t)
	cased.Headers["authorization"], cased.Headers["Authorization"] = "Bearer "+good, "Bearer "+good
	for name, c := range map[string]struct {
		ev    events.APIGatewayCustomAuthorizerRequestTypeRequest
		allow bool
		why   string
	}{
		"query":                       {golden(t, good), true, ""},
		"query, last values alone":    {query(map[string]string{"token": good}, nil), true, ""},
		"query twice":                 {query(map[string]string{"token": good}, map[string][]string{"token": {good, good}}), false, "more than one token"},
		"query in capitals":           {query(map[string]string{"Token": good}, map[string][]string{"Token": {good}}), false, "no token"},
		"nowhere":                     {with(t), false, "no token"},
		"bearer":                      {with(t, [2]string{"Authorization", "Bearer " + good}), true, ""},
		"lower-case bearer":           {with(t, [2]string{"authorization", "bearer " + good}), true, ""},
		"upper-case bearer":           {with(t, [2]string{"AUTHORIZATION", "BEARER " + good}), true, ""},
		"bearer and spaces":           {with(t, [2]string{"Authorization", "Bearer   " + good + " "}), true, ""},
		"basic":                       {with(t, [2]string{"Authorization", "Basic " + good}), false, "not a bearer token"},
		"no scheme":                   {with(t, [2]string{"Authorization", good}), false, "not a bearer token"},
		"empty bearer":                {with(t, [2]string{"Authorization", "Bearer "}), false, "not a bearer token"},
		"bearer of spaces":            {with(t, [2]string{"Authorization", "Bearer   "}), false, "not a JWT"},
		"two bearers in one":          {with(t, [2]string{"Authorization", "Bearer " + good + ", Bearer " + good}), false, "not a JWT"},
		"two headers":                 {with(t, [2]string{"Authorization", "Bearer " + good}, [2]string{"Authorization", "Bearer " + good}), false, "more than one token"},
		"two spellings of one header": {cased, false, "more than one token"},
		"header and query":            {both, false, "more than one token"},
		"subprotocol":                 {with(t, [2]string{protocols, "streamer.v1, streamer.bearer." + good}), true, ""},
		"subprotocol first":           {with(t, [2]string{protocols, "streamer.bearer." + good + ",streamer.v1"}), true, ""},
		"subprotocols in two headers": {with(t, [2]string{protocols, "streamer.v1"}, [2]string{protocols, "streamer.bearer." + good}), true, ""},
		"lower-case header":           {with(t, [2]string{"sec-websocket-protocol", "streamer.v1, streamer.bearer." + good}), true, ""},
		"subprotocol alone":           {with(t, [2]string{protocols, "streamer.bearer." + good}), false, "not offered beside the token"},
		"beside another subprotocol":  {with(t, [2]string{protocols, "streamer.v2, streamer.bearer." + good}), false, "not offered beside the token"},
		"empty subprotocol token":     {with(t, [2]string{protocols, "streamer.v1, streamer.bearer."}), false, "not a JWT"},
		"two subprotocol tokens":      {with(t, [2]string{protocols, "streamer.v1, streamer.bearer." + good + ", streamer.bearer." + good}), false, "more than one token"},
		"subprotocol without a token": {with(t, [2]string{protocols, "streamer.v1"}), false, "no token"},
		"subprotocol and header":      {with(t, [2]string{protocols, "streamer.v1, streamer.bearer." + good}, [2]string{"Authorization", "Bearer " + good}), false, "more than one token"},
		"a cookie":                    {with(t, [2]string{"Cookie", "token=" + good}), false, "no token"},
		"an empty authorization":      {with(t, [2]string{"Authorization", ""}), false, "no token"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := start(t, config(t, nil))
			principal, _, allowed := decide(t, a, c.ev)
			if allowed != c.allow || (allowed && principal != "ann") || !strings.Contains(log.String(), c.why) {
				t.Errorf("allowed %v as %q, log %s, want %v %s", allowed, principal, log, c.allow, c.why)
			}
			clean(t, log, good)
		})
	}
}

func TestOrigins(t *testing.T) {
	good := token{}.sign(t)
	origin := func(headers ...[2]string) events.APIGatewayCustomAuthorizerRequestTypeRequest {
		return with(t, append(headers, [2]string{"Authorization", "Bearer " + good})...)
	}
	allowed := map[string]any{"origins": []string{"https://app.example.com", "http://127.0.0.1:5173"}}
	pages := map[string]any{"origins": []string{"https://app.example.com"}, "require_origin": true}
	for name, c := range map[string]struct {
		change map[string]any
		ev     events.APIGatewayCustomAuthorizerRequestTypeRequest
		allow  bool
		why    string
	}{
		"any, no list":           {nil, origin([2]string{"Origin", "https://evil.example"}), true, ""},
		"any, an empty member":   {map[string]any{"origins": []string{""}}, origin([2]string{"Origin", "https://evil.example"}), true, ""},
		"listed":                 {allowed, origin([2]string{"Origin", "https://app.example.com"}), true, ""},
		"listed, the other":      {allowed, origin([2]string{"origin", "http://127.0.0.1:5173"}), true, ""},
		"not a browser":          {allowed, origin(), true, ""},
		"not a browser, refused": {pages, origin(), false, "no origin"},
		"a browser, required":    {pages, origin([2]string{"Origin", "https://app.example.com"}), true, ""},
		"another":                {allowed, origin([2]string{"Origin", "https://evil.example"}), false, "is not allowed"},
		"a longer one":           {allowed, origin([2]string{"Origin", "https://app.example.com.evil.example"}), false, "is not allowed"},
		"another scheme":         {allowed, origin([2]string{"Origin", "http://app.example.com"}), false, "is not allowed"},
		"another port":           {allowed, origin([2]string{"Origin", "https://app.example.com:8443"}), false, "is not allowed"},
		"a sandboxed page":       {allowed, origin([2]string{"Origin", "null"}), false, "is not allowed"},
		"empty":                  {allowed, origin([2]string{"Origin", ""}), false, "is not allowed"},
		"two":                    {allowed, origin([2]string{"Origin", "https://app.example.com"}, [2]string{"Origin", "https://evil.example"}), false, "more than one origin"},
		"two spellings":          {allowed, origin([2]string{"Origin", "https://app.example.com"}, [2]string{"origin", "https://app.example.com"}), false, "more than one origin"},
		"listed, no token":       {allowed, with(t, [2]string{"Origin", "https://app.example.com"}), false, "no token"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := start(t, config(t, c.change))
			if _, _, allowed := decide(t, a, c.ev); allowed != c.allow || !strings.Contains(log.String(), c.why) {
				t.Errorf("allowed %v, log %s, want %v %s", allowed, log, c.allow, c.why)
			}
			clean(t, log, good)
		})
	}
	a, log := start(t, `{"anonymous":true,"origins":["https://app.example.com"]}`)
	if _, _, allowed := decide(t, a, with(t, [2]string{"Origin", "https://evil.example"})); allowed {
		t.Errorf("a foreign page is let in as anonymous: %s", log)
	}
	if _, _, allowed := decide(t, a, with(t, [2]string{"Origin", "https://app.example.com"})); !allowed {
		t.Errorf("the page is refused as anonymous: %s", log)
	}
}

func TestAnonymous(t *testing.T) {
	a, log := start(t, `{"anonymous":true}`)
	for _, ev := range []events.APIGatewayCustomAuthorizerRequestTypeRequest{with(t), golden(t, "rubbish")} {
		log.Reset()
		principal, context, allowed := decide(t, a, ev)
		want := map[string]string{"sub": "anonymous", "tenant": "anonymous", "exp": fmt.Sprint(now.Add(3 * time.Hour).Unix())}
		if !allowed || principal != "anonymous" || !maps.Equal(context, want) {
			t.Errorf("allowed %v, %s, %v", allowed, principal, context)
		}
		clean(t, log, "a.rubbish")
	}
}

func TestNoConfigurationRefusesEveryone(t *testing.T) {
	for _, ev := range []events.APIGatewayCustomAuthorizerRequestTypeRequest{with(t), golden(t, token{}.sign(t))} {
		a, log := start(t, "")
		if _, context, allowed := decide(t, a, ev); allowed || !strings.Contains(log.String(), "no authorizer is configured") {
			t.Errorf("allowed %v, %v, log %s", allowed, context, log)
		}
	}
}

func TestWrongConfigurationNamesWhatIsMissing(t *testing.T) {
	for text, want := range map[string]string{
		"{":                                      "unexpected end",
		"[]":                                     "array",
		"null":                                   "issuer is missing",
		"{}":                                     "issuer is missing",
		config(t, map[string]any{"issuer": nil}): "issuer is missing",
		config(t, map[string]any{"audiences": nil}):                                        "audiences are missing",
		config(t, map[string]any{"audiences": "streamer"}):                                 "audiences",
		config(t, map[string]any{"jwks": nil, "issuer": "http://issuer.example/"}):         "issuer \"http://issuer.example/\" is not an https URL: give jwks_url or jwks",
		config(t, map[string]any{"jwks": nil, "issuer": "accounts.example"}):               "is not an https URL",
		config(t, map[string]any{"jwks": nil, "jwks_url": "http://issuer.example/keys"}):   "jwks_url \"http://issuer.example/keys\" is not an https URL",
		config(t, map[string]any{"jwks": nil, "jwks_url": "http://127.0.0.1.example/"}):    "is not an https URL",
		config(t, map[string]any{"jwks": nil, "jwks_url": "https://ann:pw@id.example/"}):   "is not an https URL",
		config(t, map[string]any{"jwks": nil, "jwks_url": "file:///etc/passwd"}):           "is not an https URL",
		config(t, map[string]any{"jwks_url": "https://issuer.example/keys"}):               "jwks stands beside jwks_url",
		config(t, map[string]any{"tenant_claim": "org", "tenant": "acme"}):                 "tenant_claim stands beside tenant",
		config(t, map[string]any{"tenant": "acme#"}):                                       "tenant is not 1 to 64",
		config(t, map[string]any{"leeway": -1}):                                            "leeway is negative",
		config(t, map[string]any{"require_origin": true}):                                  "require_origin is set without origins",
		config(t, map[string]any{"jwks": "https://issuer.example/jwks"}):                   "jwks is not a JSON Web Key Set",
		config(t, map[string]any{"jwks": map[string]any{}}):                                "jwks has no public key",
		config(t, map[string]any{"jwks": map[string]any{"keys": []any{}}}):                 "jwks has no public key",
		config(t, map[string]any{"jwks": map[string]any{"keys": []any{map[string]any{}}}}): "jwks",
		config(t, map[string]any{"issuer": 1}):                                             "issuer",
		config(t, map[string]any{"anonymous": "true"}):                                     "anonymous",
		config(t, map[string]any{"anonymous": true}):                                       "anonymous stands beside",
		`{"anonymous":true,"issuer":"https://issuer.example/"}`:                            "anonymous stands beside",
		`{"anonymous":true,"audiences":["a"]}`:                                             "anonymous stands beside",
		`{"anonymous":true,"tenant":"acme"}`:                                               "anonymous stands beside",
		`{"anonymous":false}`:                                                              "issuer is missing",
	} {
		if a, err := authorizer.New(text, fixed{now}, metric.None{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "authorizer configuration") {
			t.Errorf("%.100s: %v, err %v, want %s", text, a, err, want)
		}
	}
}

func TestSecretKeysVerifyNothing(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	oct := map[string]any{"kty": "oct", "kid": "s", "alg": "HS256", "k": b64(secret)}
	var log bytes.Buffer
	a, err := authorizer.New(config(t, map[string]any{"jwks": map[string]any{"keys": []any{ecJWK(keys().ec, "ec1"), oct}}}), fixed{now}, metric.None{}, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		return // refused outright
	}
	for _, kid := range []any{"s", nil} {
		text := token{method: jwt.SigningMethodHS256, key: secret, header: map[string]any{"kid": kid}}.sign(t)
		if _, context, allowed := decide(t, a, golden(t, text)); allowed {
			t.Errorf("a shared secret let in %v", context)
		}
	}
}

func TestAPanicRefuses(t *testing.T) {
	var log bytes.Buffer
	a, err := authorizer.New(config(t, nil), breaking{}, metric.None{}, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	good := token{}.sign(t)
	if _, context, allowed := decide(t, a, golden(t, good)); allowed || !strings.Contains(log.String(), "clock is broken") {
		t.Errorf("allowed %v, %v, log %s", allowed, context, &log)
	}
	clean(t, &log, good)
}

func TestAnEventThatNamesNothing(t *testing.T) {
	a, log := start(t, config(t, nil))
	if _, _, allowed := decide(t, a, events.APIGatewayCustomAuthorizerRequestTypeRequest{MethodArn: "arn"}); allowed {
		t.Errorf("allowed; log %s", log)
	}
}
