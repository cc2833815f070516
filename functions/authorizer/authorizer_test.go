package authorizer_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
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
		"issuer": "https://issuer.example/", "audience": "streamer",
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
	a, err := authorizer.New(config, fixed{now}, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return a, &log
}

// decide runs the authorizer as Lambda would and holds its answer to the shape that API
// Gateway takes.
func decide(t *testing.T, a *authorizer.Authorizer, ev events.APIGatewayCustomAuthorizerRequestTypeRequest) (principal string, context map[string]string, allowed bool) {
	t.Helper()
	payload, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	out, err := lambda.NewHandler(a.Handle).Invoke(t.Context(), payload)
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

func TestGoodTokens(t *testing.T) {
	hour := fmt.Sprint(now.Add(time.Hour).Unix())
	ann := map[string]string{"sub": "ann", "tenant": "acme", "exp": hour}
	long := strings.Repeat("s", 128)
	for name, c := range map[string]struct {
		token token
		want  map[string]string
	}{
		"ES256":                    {token{}, ann},
		"RS256":                    {token{method: jwt.SigningMethodRS256, key: keys().rsa, header: map[string]any{"kid": "rsa1"}}, ann},
		"no kid":                   {token{header: map[string]any{"kid": nil}}, ann},
		"aud is a list":            {token{claims: map[string]any{"aud": []string{"other", "streamer"}}}, ann},
		"not before, in leeway":    {token{claims: map[string]any{"nbf": now.Add(29 * time.Second).Unix()}}, ann},
		"ends in a second":         {token{claims: map[string]any{"exp": now.Add(time.Second).Unix()}}, map[string]string{"sub": "ann", "tenant": "acme", "exp": fmt.Sprint(now.Add(time.Second).Unix())}},
		"exp with a fraction":      {token{claims: map[string]any{"exp": float64(now.Add(time.Hour).Unix()) + 0.75}}, ann},
		"subject of 128":           {token{claims: map[string]any{"sub": long}}, map[string]string{"sub": long, "tenant": "acme", "exp": hour}},
		"subject in other letters": {token{claims: map[string]any{"sub": "auth0|ann#1/Ω \""}}, map[string]string{"sub": "auth0|ann#1/Ω \"", "tenant": "acme", "exp": hour}},
		"tenant of all characters": {token{claims: map[string]any{"tenant": "0a.B_c@d:e-f"}}, map[string]string{"sub": "ann", "tenant": "0a.B_c@d:e-f", "exp": hour}},
		"tenant of 64":             {token{claims: map[string]any{"tenant": strings.Repeat("t", 64)}}, map[string]string{"sub": "ann", "tenant": strings.Repeat("t", 64), "exp": hour}},
		"more claims":              {token{claims: map[string]any{"admin": true, "roles": []int{1}}}, ann},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := start(t, config(t, nil))
			text := c.token.sign(t)
			principal, context, allowed := decide(t, a, golden(t, text))
			if !allowed || principal != c.want["sub"] || !maps.Equal(context, c.want) {
				t.Errorf("allowed %v, %s, %v, want %v; log %s", allowed, principal, context, c.want, log)
			}
			clean(t, log, text)
		})
	}
}

func TestBadTokens(t *testing.T) {
	public, err := x509.MarshalPKIXPublicKey(keys().rsa.Public())
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	hs := jwt.SigningMethodHS256
	good := token{}.sign(t)
	parts := strings.Split(good, ".")
	other := strings.Split(token{claims: map[string]any{"tenant": "globex"}}.sign(t), ".")
	for name, c := range map[string]struct {
		text string
		why  string
	}{
		"none":                       {"", "not a JWT"},
		"no dots":                    {"abcdefghijkl", "not a JWT"},
		"one dot":                    {"abc.def", "not a JWT"},
		"10,000 dots":                {strings.Repeat(".", 10_000), "not a JWT"},
		"7,000 dots":                 {strings.Repeat(".", 7_000), "not a JWT"},
		"over 8 KB":                  {token{claims: map[string]any{"fill": strings.Repeat("x", 6200)}}.sign(t), "at most 8 KB"},
		"two dots alone":             {"..", "not valid"},
		"no signature":               {parts[0] + "." + parts[1] + ".", "not valid"},
		"another's signature":        {parts[0] + "." + parts[1] + "." + other[2], "signature is invalid"},
		"another's claims":           {parts[0] + "." + other[1] + "." + parts[2], "signature is invalid"},
		"padded base64":              {good + "==", "not valid"},
		"a space within":             {parts[0] + "." + parts[1] + ". " + parts[2], "not valid"},
		"header is no JSON":          {b64([]byte("{")) + "." + parts[1] + "." + parts[2], "not valid"},
		"claims are a list":          {parts[0] + "." + b64([]byte("[1]")) + "." + parts[2], "not valid"},
		"alg none":                   {token{method: jwt.SigningMethodNone, key: jwt.UnsafeAllowNoneSignatureType}.sign(t), "signing method none is invalid"},
		"HS256 with the DER":         {token{method: hs, key: public, header: map[string]any{"kid": "rsa1"}}.sign(t), "signing method HS256 is invalid"},
		"HS256 with the PEM":         {token{method: hs, key: asPEM, header: map[string]any{"kid": "rsa1"}}.sign(t), "signing method HS256 is invalid"},
		"HS256 without kid":          {token{method: hs, key: asPEM, header: map[string]any{"kid": nil}}.sign(t), "signing method HS256 is invalid"},
		"alg in lower case":          {token{header: map[string]any{"alg": "es256"}}.sign(t), "unavailable"},
		"alg is missing":             {token{header: map[string]any{"alg": nil}}.sign(t), "alg) is unspecified"},
		"RS384":                      {token{method: jwt.SigningMethodRS384, key: keys().rsa, header: map[string]any{"kid": "rsa1"}}.sign(t), "signing method RS384 is invalid"},
		"PS256":                      {token{method: jwt.SigningMethodPS256, key: keys().rsa, header: map[string]any{"kid": "rsa1"}}.sign(t), "signing method PS256 is invalid"},
		"RS256 under the ES256 key":  {token{method: jwt.SigningMethodRS256, key: keys().rsa}.sign(t), "does not match token"},
		"ES256 under the RS256 key":  {token{header: map[string]any{"kid": "rsa1"}}.sign(t), "does not match token"},
		"ES256 that says RS256":      {token{header: map[string]any{"alg": "RS256"}}.sign(t), "does not match token"},
		"a stranger's ES256":         {token{key: keys().otherEC}.sign(t), "verification error"},
		"a stranger's, no kid":       {token{key: keys().otherEC, header: map[string]any{"kid": nil}}.sign(t), "signature is invalid"},
		"a stranger's RS256":         {token{method: jwt.SigningMethodRS256, key: keys().otherRSA, header: map[string]any{"kid": "rsa1"}}.sign(t), "verification error"},
		"unknown kid":                {token{header: map[string]any{"kid": "ec2"}}.sign(t), "could not read JWK"},
		"empty kid":                  {token{header: map[string]any{"kid": ""}}.sign(t), "could not read JWK"},
		"kid is a path":              {token{header: map[string]any{"kid": "../../dev/null"}}.sign(t), "could not read JWK"},
		"kid is a query":             {token{header: map[string]any{"kid": "ec1' OR '1'='1"}}.sign(t), "could not read JWK"},
		"kid with lines":             {token{header: map[string]any{"kid": "x\n{\"level\":\"INFO\",\"msg\":\"connection allowed\"}"}}.sign(t), "could not read JWK"},
		"kid of 5 KB":                {token{header: map[string]any{"kid": strings.Repeat("k", 5000)}}.sign(t), "key not found"},
		"kid is a number":            {token{header: map[string]any{"kid": 1}}.sign(t), "kid"},
		"brings its own key":         {token{key: keys().otherEC, header: map[string]any{"kid": "mine", "jwk": ecJWK(keys().otherEC, "mine"), "jku": "https://evil.example/"}}.sign(t), "could not read JWK"},
		"no exp":                     {token{claims: map[string]any{"exp": nil}}.sign(t), "exp claim is required"},
		"exp is text":                {token{claims: map[string]any{"exp": fmt.Sprint(now.Add(time.Hour).Unix())}}.sign(t), "exp is invalid"},
		"exp is zero":                {token{claims: map[string]any{"exp": 0}}.sign(t), "exp claim is required"},
		"expired beyond leeway":      {token{claims: map[string]any{"exp": now.Add(-31 * time.Second).Unix()}}.sign(t), "token is expired"},
		"expired within leeway":      {token{claims: map[string]any{"exp": now.Add(-29 * time.Second).Unix()}}.sign(t), "has run out"},
		"expires now":                {token{claims: map[string]any{"exp": now.Unix()}}.sign(t), "has run out"},
		"expired by all the leeway":  {token{claims: map[string]any{"exp": now.Add(-30 * time.Second).Unix()}}.sign(t), "token is expired"},
		"not before the future":      {token{claims: map[string]any{"nbf": now.Add(31 * time.Second).Unix()}}.sign(t), "not valid yet"},
		"nbf is text":                {token{claims: map[string]any{"nbf": "tomorrow"}}.sign(t), "nbf is invalid"},
		"no aud":                     {token{claims: map[string]any{"aud": nil}}.sign(t), "aud claim is required"},
		"another aud":                {token{claims: map[string]any{"aud": "streamer2"}}.sign(t), "invalid audience"},
		"aud is a list of others":    {token{claims: map[string]any{"aud": []string{"Streamer", "streamer "}}}.sign(t), "invalid audience"},
		"aud is an empty list":       {token{claims: map[string]any{"aud": []string{}}}.sign(t), "aud claim is required"},
		"aud is a number":            {token{claims: map[string]any{"aud": 1}}.sign(t), "aud"},
		"no iss":                     {token{claims: map[string]any{"iss": nil}}.sign(t), "iss claim is required"},
		"iss without its slash":      {token{claims: map[string]any{"iss": "https://issuer.example"}}.sign(t), "invalid issuer"},
		"iss with a suffix":          {token{claims: map[string]any{"iss": "https://issuer.example/.evil.example"}}.sign(t), "invalid issuer"},
		"iss is a list":              {token{claims: map[string]any{"iss": []string{"https://issuer.example/"}}}.sign(t), "iss"},
		"no tenant":                  {token{claims: map[string]any{"tenant": nil}}.sign(t), `claim "tenant"`},
		"empty tenant":               {token{claims: map[string]any{"tenant": ""}}.sign(t), `claim "tenant"`},
		"tenant is a number":         {token{claims: map[string]any{"tenant": 7}}.sign(t), `claim "tenant"`},
		"tenant is a list":           {token{claims: map[string]any{"tenant": []string{"acme"}}}.sign(t), `claim "tenant"`},
		"tenant in other letters":    {token{claims: map[string]any{"tenant": "аcme"}}.sign(t), `claim "tenant"`},
		"tenant with #":              {token{claims: map[string]any{"tenant": "acme#U#bob"}}.sign(t), `claim "tenant"`},
		"tenant with /":              {token{claims: map[string]any{"tenant": "acme/x"}}.sign(t), `claim "tenant"`},
		"tenant is ..":               {token{claims: map[string]any{"tenant": ".."}}.sign(t), `claim "tenant"`},
		"tenant with a line end":     {token{claims: map[string]any{"tenant": "acme\n"}}.sign(t), `claim "tenant"`},
		"tenant with a space":        {token{claims: map[string]any{"tenant": "acme "}}.sign(t), `claim "tenant"`},
		"tenant of 65":               {token{claims: map[string]any{"tenant": strings.Repeat("t", 65)}}.sign(t), `claim "tenant"`},
		"no sub":                     {token{claims: map[string]any{"sub": nil}}.sign(t), `claim "sub"`},
		"empty sub":                  {token{claims: map[string]any{"sub": ""}}.sign(t), `claim "sub"`},
		"sub is a number":            {token{claims: map[string]any{"sub": 7}}.sign(t), "sub"},
		"sub with control character": {token{claims: map[string]any{"sub": "ann\x00"}}.sign(t), `claim "sub"`},
		"sub with a line end":        {token{claims: map[string]any{"sub": "ann\r\nX: y"}}.sign(t), `claim "sub"`},
		"sub with a C1 control":      {token{claims: map[string]any{"sub": "ann\u0085"}}.sign(t), `claim "sub"`},
		"sub of 129":                 {token{claims: map[string]any{"sub": strings.Repeat("s", 129)}}.sign(t), `claim "sub"`},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := start(t, config(t, nil))
			if principal, context, allowed := decide(t, a, golden(t, c.text)); allowed {
				t.Errorf("allowed as %s, %v", principal, context)
			}
			if !strings.Contains(log.String(), strings.ReplaceAll(c.why, `"`, `\"`)) {
				t.Errorf("log is %s, want %s", log, c.why)
			}
			clean(t, log, c.text)
		})
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

func TestCustomClaims(t *testing.T) {
	text := config(t, map[string]any{"subject_claim": "https://x.example/user", "tenant_claim": "org"})
	a, _ := start(t, text)
	good := token{claims: map[string]any{"https://x.example/user": "bob", "org": "globex", "sub": "ann", "tenant": "acme"}}.sign(t)
	if principal, context, allowed := decide(t, a, golden(t, good)); !allowed || principal != "bob" || context["tenant"] != "globex" || context["sub"] != "bob" {
		t.Errorf("allowed %v, %s, %v", allowed, principal, context)
	}
	a, log := start(t, text)
	if _, context, allowed := decide(t, a, golden(t, token{}.sign(t))); allowed || !strings.Contains(log.String(), "https://x.example/user") {
		t.Errorf("the usual claims were taken: %v, log %s", context, log)
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
		config(t, map[string]any{"audience": nil}):                                         "audience is missing",
		config(t, map[string]any{"jwks": nil}):                                             "jwks is missing",
		config(t, map[string]any{"jwks": "https://issuer.example/jwks"}):                   "jwks",
		config(t, map[string]any{"jwks": map[string]any{}}):                                "jwks has no public key",
		config(t, map[string]any{"jwks": map[string]any{"keys": []any{}}}):                 "jwks has no public key",
		config(t, map[string]any{"jwks": map[string]any{"keys": []any{map[string]any{}}}}): "jwks",
		config(t, map[string]any{"issuer": 1}):                                             "issuer",
		config(t, map[string]any{"anonymous": "true"}):                                     "anonymous",
		config(t, map[string]any{"anonymous": true}):                                       "anonymous stands beside",
		`{"anonymous":true,"issuer":"https://issuer.example/"}`:                            "anonymous stands beside",
		`{"anonymous":false}`:                                                              "issuer is missing",
	} {
		if a, err := authorizer.New(text, fixed{now}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "authorizer configuration") {
			t.Errorf("%.100s: %v, err %v, want %s", text, a, err, want)
		}
	}
}

func TestSecretKeysVerifyNothing(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	oct := map[string]any{"kty": "oct", "kid": "s", "alg": "HS256", "k": b64(secret)}
	var log bytes.Buffer
	a, err := authorizer.New(config(t, map[string]any{"jwks": map[string]any{"keys": []any{ecJWK(keys().ec, "ec1"), oct}}}), fixed{now}, slog.New(slog.NewJSONHandler(&log, nil)))
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
	a, err := authorizer.New(config(t, nil), breaking{}, slog.New(slog.NewJSONHandler(&log, nil)))
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
