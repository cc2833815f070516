package authorizer_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// leeway is the default.
const leeway = 30 * time.Second

func TestGoodTokens(t *testing.T) {
	hour := fmt.Sprint(now.Add(time.Hour + leeway).Unix())
	ann := map[string]string{"sub": "ann", "tenant": "acme", "exp": hour}
	until := func(after time.Duration) map[string]string {
		return map[string]string{"sub": "ann", "tenant": "acme", "exp": fmt.Sprint(now.Add(after).Unix())}
	}
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
		"ends in a second":         {token{claims: map[string]any{"exp": now.Add(time.Second).Unix()}}, until(31 * time.Second)},
		"expires now":              {token{claims: map[string]any{"exp": now.Unix()}}, until(30 * time.Second)},
		"expired, in leeway":       {token{claims: map[string]any{"exp": now.Add(-29 * time.Second).Unix()}}, until(time.Second)},
		"issued in a moment":       {token{claims: map[string]any{"iat": now.Add(29 * time.Second).Unix()}}, ann},
		"exp with a fraction":      {token{claims: map[string]any{"exp": float64(now.Add(time.Hour).Unix()) + 0.75}}, ann},
		"subject of 128":           {token{claims: map[string]any{"sub": long}}, map[string]string{"sub": long, "tenant": "acme", "exp": hour}},
		"subject in other letters": {token{claims: map[string]any{"sub": "auth0|ann#1/Ω \""}}, map[string]string{"sub": "auth0|ann#1/Ω \"", "tenant": "acme", "exp": hour}},
		"tenant of all characters": {token{claims: map[string]any{"tenant": "0a.B_c@d:e-f"}}, map[string]string{"sub": "ann", "tenant": "0a.B_c@d:e-f", "exp": hour}},
		"tenant of 64":             {token{claims: map[string]any{"tenant": strings.Repeat("t", 64)}}, map[string]string{"sub": "ann", "tenant": strings.Repeat("t", 64), "exp": hour}},
		"typ is at+jwt":            {token{header: map[string]any{"typ": "at+jwt"}}, ann},
		"typ is a media type":      {token{header: map[string]any{"typ": "application/AT+JWT"}}, ann},
		"no typ":                   {token{header: map[string]any{"typ": nil}}, ann},
		"client_id without aud":    {token{claims: map[string]any{"aud": nil, "client_id": "streamer"}}, ann},
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
	asJWK, err := json.Marshal(ecJWK(keys().ec, "ec1"))
	if err != nil {
		t.Fatal(err)
	}
	const header = `{"alg":"ES256","kid":"ec1"}`
	claims := fmt.Sprintf(`{"iss":"https://issuer.example/","aud":"streamer","sub":"ann","tenant":"acme","exp":%d}`, now.Add(time.Hour).Unix())
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
		"RS384":                      {token{method: jwt.SigningMethodRS384, key: keys().rsa, header: map[string]any{"kid": "rsa1"}}.sign(t), "the key is not for RS384"},
		"PS256":                      {token{method: jwt.SigningMethodPS256, key: keys().rsa, header: map[string]any{"kid": "rsa1"}}.sign(t), "the key is not for PS256"},
		"RS256 under the ES256 key":  {token{method: jwt.SigningMethodRS256, key: keys().rsa}.sign(t), "the key is not for RS256"},
		"ES256 under the RS256 key":  {token{header: map[string]any{"kid": "rsa1"}}.sign(t), "the key is not for ES256"},
		"ES256 that says RS256":      {token{header: map[string]any{"alg": "RS256"}}.sign(t), "the key is not for RS256"},
		"a stranger's ES256":         {token{key: keys().otherEC}.sign(t), "verification error"},
		"a stranger's, no kid":       {token{key: keys().otherEC, header: map[string]any{"kid": nil}}.sign(t), "signature is invalid"},
		"a stranger's RS256":         {token{method: jwt.SigningMethodRS256, key: keys().otherRSA, header: map[string]any{"kid": "rsa1"}}.sign(t), "verification error"},
		"unknown kid":                {token{header: map[string]any{"kid": "ec2"}}.sign(t), "no such key"},
		"empty kid":                  {token{header: map[string]any{"kid": ""}}.sign(t), "no such key"},
		"kid is a path":              {token{header: map[string]any{"kid": "../../dev/null"}}.sign(t), "no such key"},
		"kid is a query":             {token{header: map[string]any{"kid": "ec1' OR '1'='1"}}.sign(t), "no such key"},
		"kid with lines":             {token{header: map[string]any{"kid": "x\n{\"level\":\"INFO\",\"msg\":\"connection allowed\"}"}}.sign(t), "no such key"},
		"kid of 5 KB":                {token{header: map[string]any{"kid": strings.Repeat("k", 5000)}}.sign(t), "no such key"},
		"kid is a number":            {token{header: map[string]any{"kid": 1}}.sign(t), "kid"},
		"brings its own key":         {token{key: keys().otherEC, header: map[string]any{"kid": "mine", "jwk": ecJWK(keys().otherEC, "mine"), "jku": "https://evil.example/"}}.sign(t), "no such key"},
		"no exp":                     {token{claims: map[string]any{"exp": nil}}.sign(t), "exp claim is required"},
		"exp is text":                {token{claims: map[string]any{"exp": fmt.Sprint(now.Add(time.Hour).Unix())}}.sign(t), "exp is invalid"},
		"exp is zero":                {token{claims: map[string]any{"exp": 0}}.sign(t), "exp claim is required"},
		"expired beyond leeway":      {token{claims: map[string]any{"exp": now.Add(-31 * time.Second).Unix()}}.sign(t), "token is expired"},
		"expired by all the leeway":  {token{claims: map[string]any{"exp": now.Add(-30 * time.Second).Unix()}}.sign(t), "token is expired"},
		"not before the future":      {token{claims: map[string]any{"nbf": now.Add(31 * time.Second).Unix()}}.sign(t), "not valid yet"},
		"nbf is text":                {token{claims: map[string]any{"nbf": "tomorrow"}}.sign(t), "nbf is invalid"},
		"no aud":                     {token{claims: map[string]any{"aud": nil}}.sign(t), "for another audience"},
		"another aud":                {token{claims: map[string]any{"aud": "streamer2"}}.sign(t), "for another audience"},
		"aud is a list of others":    {token{claims: map[string]any{"aud": []string{"Streamer", "streamer "}}}.sign(t), "for another audience"},
		"aud is an empty list":       {token{claims: map[string]any{"aud": []string{}}}.sign(t), "for another audience"},
		"aud is a number":            {token{claims: map[string]any{"aud": 1}}.sign(t), "for another audience"},
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
		"sub is a number":            {token{claims: map[string]any{"sub": 7}}.sign(t), `claim "sub"`},
		"sub with control character": {token{claims: map[string]any{"sub": "ann\x00"}}.sign(t), `claim "sub"`},
		"sub with a line end":        {token{claims: map[string]any{"sub": "ann\r\nX: y"}}.sign(t), `claim "sub"`},
		"sub with a C1 control":      {token{claims: map[string]any{"sub": "ann\u0085"}}.sign(t), `claim "sub"`},
		"no kid, several fit":        {token{header: map[string]any{"kid": nil}, method: jwt.SigningMethodRS512, key: keys().rsa}.sign(t), "not for RS512"},
		"another's jku":              {token{key: keys().otherEC, header: map[string]any{"jku": "https://evil.example/jwks"}}.sign(t), "verification error"},
		"another's jwk, our kid":     {token{key: keys().otherEC, header: map[string]any{"jwk": ecJWK(keys().otherEC, "ec1")}}.sign(t), "verification error"},
		"another's x5u":              {token{key: keys().otherRSA, method: jwt.SigningMethodRS256, header: map[string]any{"kid": nil, "x5u": "https://evil.example/cert"}}.sign(t), "verification error"},
		"another's x5c":              {token{key: keys().otherRSA, method: jwt.SigningMethodRS256, header: map[string]any{"kid": "rsa1", "x5c": []string{"MIIB"}}}.sign(t), "verification error"},
		"crit":                       {token{header: map[string]any{"crit": []string{"exp"}}}.sign(t), "crit"},
		"crit, empty":                {token{header: map[string]any{"crit": []string{}}}.sign(t), "crit"},
		"crit b64":                   {token{header: map[string]any{"crit": []string{"b64"}, "b64": false}}.sign(t), "crit"},
		"typ of a logout":            {token{header: map[string]any{"typ": "logout+jwt"}}.sign(t), "typ is \"logout+jwt\""},
		"typ of a proof":             {token{header: map[string]any{"typ": "dpop+jwt"}}.sign(t), "typ is \"dpop+jwt\""},
		"typ is a number":            {token{header: map[string]any{"typ": 1}}.sign(t), "typ is"},
		"encrypted (JWE)":            {b64([]byte(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)) + ".a.b.c.d", "not a JWT"},
		"a fourth part":              {good + ".e30", "not a JWT"},
		"a dot before":               {"." + good, "not a JWT"},
		"a line end after":           {good + "\n", "not a JWT"},
		"standard base64":            {strings.ReplaceAll(b64([]byte(`{"alg":"ES256","typ":"JWT","x":"???>>>"}`)), "_", "/") + "." + parts[1] + "." + parts[2], "not valid"},
		"spare bits in base64":       {parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-1] + string(next(parts[2][len(parts[2])-1])), "not valid"},
		"a JWS in JSON":              {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "not a JWT"},
		"header is null":             {signed(t, `null`, claims), "alg) is unspecified"},
		"alg is a list":              {signed(t, `{"alg":["ES256"],"kid":"ec1"}`, claims), "alg) is unspecified"},
		"alg twice, none last":       {signed(t, `{"alg":"ES256","kid":"ec1","alg":"none"}`, claims), "signing method none is invalid"},
		"claims are null":            {signed(t, header, `null`), "exp claim is required"},
		"claims 10,001 deep":         {signed(t, header, strings.Repeat(`[`, 4000)), "not valid"},
		"two claim sets":             {signed(t, header, claims+claims), "not valid"},
		"tenant twice, bad last":     {signed(t, header, strings.Replace(claims, `{`, `{"tenant":"acme",`, 1)[:len(claims)+len(`"tenant":"acme",`)-1]+`,"tenant":"a#b"}`), `claim "tenant"`},
		"exp twice, past last":       {signed(t, header, claims[:len(claims)-1]+`,"exp":1}`), "token is expired"},
		"a signature of zeros":       {parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), "verification error"},
		"a signature in DER":         {parts[0] + "." + parts[1] + "." + b64(inDER(t, parts[0]+"."+parts[1])), "verification error"},
		"ES384 under the ES256 key":  {token{header: map[string]any{"alg": "ES384"}}.sign(t), "the key is not for ES384"},
		"EdDSA under the ES256 key":  {token{header: map[string]any{"alg": "EdDSA"}}.sign(t), "the key is not for EdDSA"},
		"HS256 with the JWK":         {token{method: hs, key: asJWK, header: map[string]any{"kid": "ec1"}}.sign(t), "signing method HS256 is invalid"},
		"HS512 with nothing":         {token{method: jwt.SigningMethodHS512, key: []byte{}}.sign(t), "signing method HS512 is invalid"},
		"exp is 1e300":               {signed(t, header, claims[:len(claims)-1]+`,"exp":1e300}`), "exp"},
		"exp is 1e400":               {signed(t, header, claims[:len(claims)-1]+`,"exp":1e400}`), "not valid"},
		"exp beyond the year 9999":   {token{claims: map[string]any{"exp": 253_402_300_800}}.sign(t), "expiry is no time"},
		"exp is negative":            {token{claims: map[string]any{"exp": -1}}.sign(t), "token is expired"},
		"exp is a list":              {token{claims: map[string]any{"exp": []int64{now.Add(time.Hour).Unix()}}}.sign(t), "exp is invalid"},
		"exp in milliseconds, past":  {token{claims: map[string]any{"exp": now.Add(-time.Hour).Unix() * 1000}}.sign(t), "expiry is no time"},
		"issued in the future":       {token{claims: map[string]any{"iat": now.Add(31 * time.Second).Unix()}}.sign(t), "used before issued"},
		"iat is text":                {token{claims: map[string]any{"iat": "now"}}.sign(t), "iat is invalid"},
		"aud is null, client ours":   {token{claims: map[string]any{"aud": jwt.ClaimStrings(nil), "client_id": "streamer"}}.sign(t), "for another audience"},
		"aud another, client ours":   {token{claims: map[string]any{"aud": "other", "client_id": "streamer"}}.sign(t), "for another audience"},
		"aud a number, client ours":  {token{claims: map[string]any{"aud": 1, "client_id": "streamer"}}.sign(t), "for another audience"},
		"client_id of another":       {token{claims: map[string]any{"aud": nil, "client_id": "Streamer"}}.sign(t), "for another audience"},
		"client_id is a list":        {token{claims: map[string]any{"aud": nil, "client_id": []string{"streamer"}}}.sign(t), "for another audience"},
		"azp alone":                  {token{claims: map[string]any{"aud": nil, "azp": "streamer"}}.sign(t), "for another audience"},
		"aud with a number in it":    {token{claims: map[string]any{"aud": []any{"streamer", 1}}}.sign(t), "aud is neither"},
		"aud in a list in a list":    {token{claims: map[string]any{"aud": []any{[]string{"streamer"}}}}.sign(t), "aud is neither"},
		"aud is an object":           {token{claims: map[string]any{"aud": map[string]bool{"streamer": true}}}.sign(t), "for another audience"},
		"aud with others in text":    {token{claims: map[string]any{"aud": "streamer other"}}.sign(t), "for another audience"},
		"iss in capitals":            {token{claims: map[string]any{"iss": "https://ISSUER.example/"}}.sign(t), "invalid issuer"},
		"iss with a prefix":          {token{claims: map[string]any{"iss": "x-https://issuer.example/"}}.sign(t), "invalid issuer"},
		"iss over http":              {token{claims: map[string]any{"iss": "http://issuer.example/"}}.sign(t), "invalid issuer"},
		"tenant in capitals":         {token{claims: map[string]any{"tenant": nil, "Tenant": "acme"}}.sign(t), `claim "tenant"`},
		"tenant is null":             {signed(t, header, claims[:len(claims)-1]+`,"tenant":null}`), `claim "tenant"`},
		"tenant is an object":        {token{claims: map[string]any{"tenant": map[string]string{"id": "acme"}}}.sign(t), `claim "tenant"`},
		"tenant with a NUL":          {token{claims: map[string]any{"tenant": "acme\x00"}}.sign(t), `claim "tenant"`},
		"tenant begins with a dash":  {token{claims: map[string]any{"tenant": "-acme"}}.sign(t), `claim "tenant"`},
		"sub that is no UTF-8":       {signed(t, header, claims[:len(claims)-1]+",\"sub\":\"ann\xff\"}"), `claim "sub"`},
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

// TestConfiguredTokens has what a configuration changes.
func TestConfiguredTokens(t *testing.T) {
	type m = map[string]any
	list := func(texts ...string) []string { return texts }
	for name, c := range map[string]struct {
		config m
		claims m
		want   string // user and tenant; empty: refused
		why    string
	}{
		"claims of other names":          {m{"subject_claim": "https://x.example/user", "tenant_claim": "custom:org"}, m{"https://x.example/user": "bob", "custom:org": "globex"}, "bob globex", ""},
		"the usual claims alone":         {m{"subject_claim": "https://x.example/user"}, nil, "", "https://x.example/user"},
		"claims within others":           {m{"subject_claim": "/user/id", "tenant_claim": "/app_metadata/tenant"}, m{"user": m{"id": "bob"}, "app_metadata": m{"tenant": "globex"}}, "bob globex", ""},
		"names with slashes within":      {m{"tenant_claim": "/https:~1~1x.example~1org/a~0b"}, m{"https://x.example/org": m{"a~b": "globex"}}, "ann globex", ""},
		"dots are no path":               {m{"tenant_claim": "org.id"}, m{"org": m{"id": "globex"}}, "", `claim \"org.id\"`},
		"nothing within":                 {m{"tenant_claim": "/org/id"}, m{"org": m{"name": "globex"}}, "", `claim \"/org/id\"`},
		"a text is no object":            {m{"tenant_claim": "/org/id"}, m{"org": "globex"}, "", `claim \"/org/id\"`},
		"a list is no object":            {m{"tenant_claim": "/org/0"}, m{"org": list("globex")}, "", `claim \"/org/0\"`},
		"too short a path":               {m{"tenant_claim": "/org"}, m{"org": m{"id": "globex"}}, "", `claim \"/org\"`},
		"the root":                       {m{"tenant_claim": "/"}, nil, "", `claim \"/\"`},
		"one tenant":                     {m{"tenant": "initech"}, nil, "ann initech", ""},
		"one tenant, no claim":           {m{"tenant": "initech"}, m{"tenant": nil}, "ann initech", ""},
		"the second audience":            {m{"audiences": list("a", "streamer")}, nil, "ann acme", ""},
		"a list with one of two":         {m{"audiences": list("a", "streamer")}, m{"aud": list("x", "a")}, "ann acme", ""},
		"none of two":                    {m{"audiences": list("a", "b")}, nil, "", "for another audience"},
		"an empty aud":                   {m{"audiences": list("a", "b")}, m{"aud": ""}, "", "for another audience"},
		"a claim as wanted":              {m{"claims": m{"token_use": "access"}}, m{"token_use": "access"}, "ann acme", ""},
		"a claim that says another":      {m{"claims": m{"token_use": "access"}}, m{"token_use": "id"}, "", `claim \"token_use\" does not say \"access\"`},
		"a claim that is not there":      {m{"claims": m{"token_use": "access"}}, nil, "", "token_use"},
		"a claim with more in it":        {m{"claims": m{"token_use": "access"}}, m{"token_use": "access id"}, "", "token_use"},
		"a list with it":                 {m{"claims": m{"cognito:groups": "staff"}}, m{"cognito:groups": list("a", "staff")}, "ann acme", ""},
		"a list without it":              {m{"claims": m{"cognito:groups": "staff"}}, m{"cognito:groups": list("staff2")}, "", "cognito:groups"},
		"a list of lists":                {m{"claims": m{"cognito:groups": "staff"}}, m{"cognito:groups": []any{list("staff"), m{}}}, "", "cognito:groups"},
		"true as wanted":                 {m{"claims": m{"email_verified": "true"}}, m{"email_verified": true}, "ann acme", ""},
		"false is not true":              {m{"claims": m{"email_verified": "true"}}, m{"email_verified": false}, "", "email_verified"},
		"a number is no text":            {m{"claims": m{"level": "1"}}, m{"level": 1}, "", "level"},
		"a scope among others":           {m{"claims": m{"scope": "stream"}}, m{"scope": "openid stream email"}, "ann acme", ""},
		"a scope that is longer":         {m{"claims": m{"scp": "stream"}}, m{"scp": "streaming"}, "", "scp"},
		"two claims, one wrong":          {m{"claims": m{"ver": "2.0", "scp": "stream"}}, m{"ver": "1.0", "scp": "stream"}, "", "ver"},
		"a claim within":                 {m{"claims": m{"/org/plan": "pro"}}, m{"org": m{"plan": "pro"}}, "ann acme", ""},
		"a long leeway":                  {m{"leeway": 120}, m{"exp": now.Add(-119 * time.Second).Unix(), "nbf": now.Add(119 * time.Second).Unix()}, "ann acme", ""},
		"a short leeway":                 {m{"leeway": 1}, m{"exp": now.Add(-time.Second).Unix()}, "", "expired"},
		"two keys, the token names none": {m{"jwks": m{"keys": []any{ecJWK(keys().ec, "1"), ecJWK(keys().otherEC, "2")}}}, nil, "", "the token names no key"},
	} {
		t.Run(name, func(t *testing.T) {
			a, log := start(t, config(t, c.config))
			text := token{claims: c.claims, header: m{"kid": nil}}.sign(t)
			_, context, allowed := decide(t, a, golden(t, text))
			if got := strings.TrimSpace(context["sub"] + " " + context["tenant"]); got != c.want || allowed != (c.want != "") || !strings.Contains(log.String(), c.why) {
				t.Errorf("allowed %v as %q, want %q; log %s, want %s", allowed, got, c.want, log, c.why)
			}
			clean(t, log, text)
		})
	}
}

// TestAClaimThatComesTwice: the last one counts, of the two ways that RFC 7519, 4, allows.
func TestAClaimThatComesTwice(t *testing.T) {
	a, log := start(t, config(t, nil))
	text := signed(t, `{"alg":"ES256","kid":"ec1"}`, fmt.Sprintf(`{"iss":"https://issuer.example/","aud":"streamer","sub":"ann","tenant":"acme","exp":%d,"tenant":"globex","\u0073ub":"bob"}`, now.Add(time.Hour).Unix()))
	if _, context, allowed := decide(t, a, golden(t, text)); !allowed || context["tenant"] != "globex" || context["sub"] != "bob" {
		t.Errorf("allowed %v, %v, log %s", allowed, context, log)
	}
}

// TestKeysThatCount takes one key after the other for a set, each with a good token of it.
func TestKeysThatCount(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	okp := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := p384.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ec384 := map[string]any{"kty": "EC", "crv": "P-384", "x": b64(point[1:49]), "y": b64(point[49:])}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	with := func(jwk map[string]any, change map[string]any) map[string]any {
		out := maps.Clone(jwk)
		maps.Copy(out, change)
		maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
		return out
	}
	type m = map[string]any
	rsaKey, ecKey := rsaJWK(keys().rsa, "k"), ecJWK(keys().ec, "k")
	for name, c := range map[string]struct {
		jwk    map[string]any
		method jwt.SigningMethod
		key    any
		allow  bool
	}{
		"RSA, RS256":              {rsaKey, jwt.SigningMethodRS256, keys().rsa, true},
		"RSA, any: RS256":         {with(rsaKey, m{"alg": nil}), jwt.SigningMethodRS256, keys().rsa, true},
		"RSA, any: RS512":         {with(rsaKey, m{"alg": nil}), jwt.SigningMethodRS512, keys().rsa, true},
		"RSA, any: PS256":         {with(rsaKey, m{"alg": nil}), jwt.SigningMethodPS256, keys().rsa, true},
		"RSA, any: ES256":         {with(rsaKey, m{"alg": nil}), jwt.SigningMethodES256, keys().ec, false},
		"RSA that says ES256":     {with(rsaKey, m{"alg": "ES256"}), jwt.SigningMethodRS256, keys().rsa, false},
		"RSA that says HS256":     {with(rsaKey, m{"alg": "HS256"}), jwt.SigningMethodRS256, keys().rsa, false},
		"RSA of 1024 bits":        {rsaJWK(short, "k"), jwt.SigningMethodRS256, short, false},
		"RSA with exponent 1":     {with(rsaKey, m{"e": b64([]byte{1})}), jwt.SigningMethodRS256, keys().rsa, false},
		"EC":                      {ecKey, jwt.SigningMethodES256, keys().ec, true},
		"EC, no alg":              {with(ecKey, m{"alg": nil}), jwt.SigningMethodES256, keys().ec, true},
		"EC off its curve":        {with(ecKey, m{"y": ecKey["x"]}), jwt.SigningMethodES256, keys().ec, false},
		"EC of another curve":     {with(ecKey, m{"crv": "secp256k1"}), jwt.SigningMethodES256, keys().ec, false},
		"P-384":                   {with(ec384, m{"kid": "k"}), jwt.SigningMethodES384, p384, true},
		"P-384 that signs ES256":  {with(ec384, m{"kid": "k", "alg": "ES256"}), jwt.SigningMethodES384, p384, false},
		"Ed25519":                 {with(okp, m{"kid": "k"}), jwt.SigningMethodEdDSA, private, true},
		"Ed25519, cut":            {with(okp, m{"kid": "k", "x": b64(public[:31])}), jwt.SigningMethodEdDSA, private, false},
		"for encryption":          {with(ecKey, m{"use": "enc"}), jwt.SigningMethodES256, keys().ec, false},
		"no use":                  {with(ecKey, m{"use": nil}), jwt.SigningMethodES256, keys().ec, true},
		"operation verify":        {with(ecKey, m{"key_ops": []string{"verify"}}), jwt.SigningMethodES256, keys().ec, true},
		"operation encrypt":       {with(ecKey, m{"key_ops": []string{"encrypt"}}), jwt.SigningMethodES256, keys().ec, false},
		"with its private half":   {with(ecKey, m{"d": b64([]byte("secret"))}), jwt.SigningMethodES256, keys().ec, false},
		"a kid that is a number":  {with(ecKey, m{"kid": 1}), jwt.SigningMethodES256, keys().ec, false},
		"numbers that are padded": {with(ecKey, m{"x": ecKey["x"].(string) + "="}), jwt.SigningMethodES256, keys().ec, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := rsaJWK(keys().otherRSA, "other") // so that the set is not empty
			a, log := start(t, config(t, m{"jwks": m{"keys": []any{c.jwk, other}}}))
			text := token{method: c.method, key: c.key, header: m{"kid": "k"}}.sign(t)
			if _, _, allowed := decide(t, a, golden(t, text)); allowed != c.allow {
				t.Errorf("allowed %v, log %s", allowed, log)
			}
		})
	}
}

// signed is a token of any header and claims, well signed with ES256.
func signed(t *testing.T, header, claims string) string {
	t.Helper()
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	signature, err := jwt.SigningMethodES256.Sign(text, keys().ec)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

// inDER is a good signature in another form than tokens have.
func inDER(t *testing.T, text string) []byte {
	t.Helper()
	hash := sha256.Sum256([]byte(text))
	signature, err := ecdsa.SignASN1(rand.Reader, keys().ec, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// next is the letter after one of base64: the last of a signature has spare bits.
func next(letter byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, letter)+1]
}
