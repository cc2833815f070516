package authorizer_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/metric"
)

// server is an issuer on this machine. It publishes its keys and counts who asks.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	keys     []any
	asked    map[string]int
	discover func(document map[string]any)                           // changes it; nil: as it should be
	answer   func(w http.ResponseWriter, r *http.Request) (own bool) // nil: none of its own
}

const (
	discovery = "/tenant/.well-known/openid-configuration"
	keysPath  = "/keys"
)

func publish(t *testing.T, tls bool, keys ...any) *server {
	t.Helper()
	s := &server{keys: keys, asked: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	if tls {
		s.StartTLS()
		ours := http.DefaultTransport
		http.DefaultTransport = s.Client().Transport // which trusts its certificate
		t.Cleanup(func() { http.DefaultTransport = ours })
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked[r.URL.Path]++
	keys, discover, answer := s.keys, s.discover, s.answer
	s.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	switch r.URL.Path {
	case discovery:
		document := map[string]any{"issuer": s.issuer(), "jwks_uri": s.URL + keysPath, "token_endpoint": s.URL + "/token"}
		if discover != nil {
			discover(document)
		}
		_ = json.NewEncoder(w).Encode(document)
	case keysPath:
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
	default:
		http.NotFound(w, r)
	}
}

// issuer is its name, which ends in a slash as Auth0's do.
func (s *server) issuer() string { return s.URL + "/tenant/" }

func (s *server) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *server) count(path string) (n int) {
	s.change(func() { n = s.asked[path] })
	return n
}

// moving is a clock that a test sets forward.
type moving struct{ past atomic.Int64 }

func (m *moving) Now() time.Time                               { return now.Add(time.Duration(m.past.Load())) }
func (*moving) After(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }
func (m *moving) move(d time.Duration)                         { m.past.Add(int64(d)) }

// warm is an authorizer that lives on, as a warm function does.
type warm struct {
	*authorizer.Authorizer
	clock  *moving
	log    *bytes.Buffer
	issuer string
}

func warmed(t *testing.T, s *server, change map[string]any) *warm {
	t.Helper()
	w := &warm{clock: &moving{}, log: &bytes.Buffer{}, issuer: s.issuer()}
	settings := map[string]any{"issuer": w.issuer, "jwks": nil}
	for name, value := range change {
		settings[name] = value
	}
	var err error
	if w.Authorizer, err = authorizer.New(config(t, settings), w.clock, metric.None{}, slog.New(slog.NewJSONHandler(w.log, nil))); err != nil {
		t.Fatal(err)
	}
	return w
}

// admits tells whether a token signed now with a key, by its id, is let in.
func (w *warm) admits(t *testing.T, key *ecdsa.PrivateKey, kid string) bool {
	t.Helper()
	w.log.Reset()
	text := token{key: key, header: map[string]any{"kid": kid}, claims: map[string]any{"iss": w.issuer, "exp": w.clock.Now().Add(time.Hour).Unix()}}.sign(t)
	_, _, allowed := decide(t, w.Authorizer, golden(t, text))
	return allowed
}

func TestKeysAreFoundByDiscovery(t *testing.T) {
	for _, tls := range []bool{true, false} {
		s := publish(t, tls, ecJWK(keys().ec, "a"))
		w := warmed(t, s, nil)
		if s.count(discovery)+s.count(keysPath) != 0 {
			t.Error("asked before any token came")
		}
		for range 20 {
			if !w.admits(t, keys().ec, "a") {
				t.Fatalf("refused: %s", w.log)
			}
		}
		if s.count(discovery) != 1 || s.count(keysPath) != 1 {
			t.Errorf("asked %v", s.asked)
		}
	}
}

func TestKeysAreFoundWhereTheConfigurationSays(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, map[string]any{"jwks_url": s.URL + keysPath, "issuer": "https://issuer.example/"})
	w.issuer = "https://issuer.example/"
	if !w.admits(t, keys().ec, "a") || s.count(discovery) != 0 || s.count(keysPath) != 1 {
		t.Errorf("asked %v, log %s", s.asked, w.log)
	}
}

func TestKeysRotate(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, nil)
	if !w.admits(t, keys().ec, "a") {
		t.Fatalf("refused: %s", w.log)
	}
	s.change(func() { s.keys = []any{ecJWK(keys().ec, "a"), ecJWK(keys().otherEC, "b")} })
	if w.admits(t, keys().otherEC, "b") {
		t.Error("the new key is known within the pause")
	}
	w.clock.move(30 * time.Second)
	if !w.admits(t, keys().otherEC, "b") || !w.admits(t, keys().ec, "a") || s.count(keysPath) != 2 || s.count(discovery) != 1 {
		t.Errorf("asked %v, log %s", s.asked, w.log)
	}
	if w.admits(t, keys().otherEC, "a") {
		t.Error("one key's signature goes under the other's id")
	}
	// The issuer withdraws the old one: it is good until the keys are an hour old.
	s.change(func() { s.keys = s.keys[1:] })
	w.clock.move(time.Hour - time.Second)
	if !w.admits(t, keys().ec, "a") {
		t.Errorf("refused: %s", w.log)
	}
	w.clock.move(time.Second)
	if w.admits(t, keys().ec, "a") || !w.admits(t, keys().otherEC, "b") || s.count(keysPath) != 3 {
		t.Errorf("asked %v, log %s", s.asked, w.log)
	}
}

// TestUnknownKeysAreNoFlood: whatever strangers send, the issuer is asked twice a minute.
func TestUnknownKeysAreNoFlood(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, nil)
	const steps, each = 60, 10 // seconds, and tokens in each
	parts := strings.Split(token{claims: map[string]any{"iss": w.issuer}}.sign(t), ".")
	for i := range steps {
		for j := range each {
			parts[0] = b64(fmt.Appendf(nil, `{"alg":"ES256","kid":"stranger-%d-%d"}`, i, j))
			if _, _, allowed := decide(t, w.Authorizer, golden(t, strings.Join(parts, "."))); allowed {
				t.Fatal("a stranger is let in")
			}
		}
		if !w.admits(t, keys().ec, "a") {
			t.Fatalf("a user is refused meanwhile: %s", w.log)
		}
		w.clock.move(time.Second)
	}
	if s.count(keysPath) != 2 || s.count(discovery) != 1 {
		t.Errorf("%d tokens of strangers in a minute: asked %v", steps*each, s.asked)
	}
}

func TestTokensAtOnceAskOnce(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	started, goOn := make(chan bool, 1), make(chan bool)
	s.answer = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == keysPath {
			select {
			case started <- true:
			default: // one too many
			}
			<-goOn
		}
		return false
	}
	a, err := authorizer.New(config(t, map[string]any{"issuer": s.issuer(), "jwks": nil}), &moving{}, metric.None{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ev := golden(t, token{header: map[string]any{"kid": "a"}, claims: map[string]any{"iss": s.issuer()}}.sign(t))
	var all sync.WaitGroup
	var admitted atomic.Int32
	for range 50 {
		all.Go(func() {
			if answer, err := a.Handle(t.Context(), ev); err == nil && answer.PrincipalID == "ann" {
				admitted.Add(1)
			}
		})
	}
	<-started
	close(goOn)
	all.Wait()
	if admitted.Load() != 50 || s.count(keysPath) != 1 || s.count(discovery) != 1 {
		t.Errorf("%d of 50 let in, asked %v", admitted.Load(), s.asked)
	}
}

func TestLastGoodKeysOutliveAnOutageOfADay(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, nil)
	if !w.admits(t, keys().ec, "a") {
		t.Fatalf("refused: %s", w.log)
	}
	down := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	s.change(func() { s.answer = down })
	before := s.count(keysPath)
	for range 23 { // an hour after the other
		w.clock.move(time.Hour)
		for range 10 {
			if !w.admits(t, keys().ec, "a") {
				t.Fatalf("refused: %s", w.log)
			}
		}
	}
	// Each hour the keys were asked for, or when they did not come, the issuer's document.
	if asked := s.count(keysPath) - before; asked != 1 || s.count(discovery) != 1+22 {
		t.Errorf("asked %v", s.asked)
	}
	w.clock.move(time.Hour - time.Second)
	if !w.admits(t, keys().ec, "a") {
		t.Fatalf("refused: %s", w.log)
	}
	w.clock.move(time.Second)
	if w.admits(t, keys().ec, "a") || !strings.Contains(w.log.String(), "503") {
		t.Errorf("keys of yesterday are good still; log %s", w.log)
	}
	s.change(func() { s.answer = nil })
	w.clock.move(28 * time.Second) // 29 since the last time that the issuer was asked
	if w.admits(t, keys().ec, "a") {
		t.Error("asked within the pause")
	}
	w.clock.move(time.Second)
	if !w.admits(t, keys().ec, "a") {
		t.Errorf("refused when the issuer is back: %s", w.log)
	}
}

// TestAColdStartInAnOutage tries again sooner: until then nobody can connect.
func TestAColdStartInAnOutage(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	w := warmed(t, s, nil)
	for range 12 {
		for range 10 {
			if w.admits(t, keys().ec, "a") || !strings.Contains(w.log.String(), "502") {
				t.Fatalf("log %s", w.log)
			}
		}
		w.clock.move(time.Second)
	}
	if s.count(discovery) != 3 || s.count(keysPath) != 0 {
		t.Errorf("in 12 seconds asked %v", s.asked)
	}
	s.change(func() { s.answer = nil })
	w.clock.move(3 * time.Second)
	if !w.admits(t, keys().ec, "a") {
		t.Errorf("refused when the issuer is back: %s", w.log)
	}
}

// TestWhatIsNotKnownIsNotRefused: a client whose token is refused takes that for final.
func TestWhatIsNotKnownIsNotRefused(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, nil)
	answer := func(kid string) string {
		text := token{key: keys().ec, header: map[string]any{"kid": kid}, claims: map[string]any{"iss": w.issuer, "exp": w.clock.Now().Add(time.Hour).Unix()}}.sign(t)
		out, err := w.Handle(t.Context(), golden(t, text))
		if err != nil {
			return err.Error()
		}
		return out.PolicyDocument.Statement[0].Effect
	}
	down := func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	for _, step := range []struct {
		what   string
		answer func(http.ResponseWriter, *http.Request) bool
		kid    string
		want   string
	}{
		{"no key is known yet", down, "a", noKeys},
		{"the issuer is back", nil, "a", "Allow"},
		{"it has no such key", nil, "b", "Deny"},
		{"it does not say whether it has", down, "b", noKeys},
		{"its old keys are good", down, "a", "Allow"},
		{"it has none again", nil, "b", "Deny"},
	} {
		s.change(func() { s.answer = step.answer })
		w.clock.move(time.Minute)
		if got := answer(step.kid); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
}

func TestKeysThatMoved(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	w := warmed(t, s, nil)
	if !w.admits(t, keys().ec, "a") {
		t.Fatalf("refused: %s", w.log)
	}
	s.change(func() {
		s.keys = []any{ecJWK(keys().otherEC, "b")}
		s.discover = func(document map[string]any) { document["jwks_uri"] = s.URL + "/new" }
		s.answer = func(w http.ResponseWriter, r *http.Request) bool {
			switch r.URL.Path {
			case keysPath:
				http.NotFound(w, r)
				return true
			case "/new":
				_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{ecJWK(keys().otherEC, "b")}})
				return true
			}
			return false
		}
	})
	for range 2 { // the old address does not answer, and the next time the new one is found
		w.clock.move(30 * time.Second)
		w.admits(t, keys().otherEC, "b")
	}
	if !w.admits(t, keys().otherEC, "b") || s.count(discovery) != 2 || s.count("/new") != 1 {
		t.Errorf("asked %v, log %s", s.asked, w.log)
	}
}

func TestIssuersThatAreNotToBeTrusted(t *testing.T) {
	say := func(path, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == path {
				_, _ = io.WriteString(w, body)
			}
			return r.URL.Path == path
		}
	}
	for name, c := range map[string]struct {
		discover func(map[string]any)
		answer   func(http.ResponseWriter, *http.Request) bool
		why      string
	}{
		"another issuer":       {func(d map[string]any) { d["issuer"] = "https://evil.example/" }, nil, "is about"},
		"the issuer, no slash": {func(d map[string]any) { d["issuer"] = strings.TrimSuffix(d["issuer"].(string), "/") }, nil, "is about"},
		"no issuer":            {func(d map[string]any) { delete(d, "issuer") }, nil, "is about"},
		"no keys":              {func(d map[string]any) { delete(d, "jwks_uri") }, nil, "not an https URL"},
		"keys over http":       {func(d map[string]any) { d["jwks_uri"] = "http://issuer.example/keys" }, nil, "not an https URL"},
		"keys in a file":       {func(d map[string]any) { d["jwks_uri"] = "file:///keys" }, nil, "not an https URL"},
		"a document of text":   {nil, say(discovery, "<html>"), "discover the issuer"},
		"keys that are text":   {nil, say(keysPath, "<html>"), "not a JSON Web Key Set"},
		"an empty set":         {nil, say(keysPath, `{"keys":[]}`), "no public key"},
		"a set of secrets":     {nil, say(keysPath, `{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0"}]}`), "no public key"},
		"300 KB":               {nil, say(keysPath, `{"keys":[],"x":"`+strings.Repeat("x", 300_000)+`"}`), "more than 262144 bytes"},
		"a redirect": {nil, func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://evil.example/", http.StatusFound)
			return true
		}, "redirects are not followed"},
		"an answer that is cut": {nil, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Length", "100")
			return true
		}, "EOF"},
		"a connection that ends": {nil, func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			s := publish(t, false, ecJWK(keys().ec, "a"))
			s.discover, s.answer = c.discover, c.answer
			w := warmed(t, s, nil)
			if w.admits(t, keys().ec, "a") || !strings.Contains(w.log.String(), c.why) {
				t.Errorf("log %s, want %s", w.log, c.why)
			}
		})
	}
}

// TestAnIssuerThatDoesNotAnswer is waited for 3 seconds, of the 10 that the function has.
func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	s := publish(t, false, ecJWK(keys().ec, "a"))
	over := make(chan bool)
	t.Cleanup(func() { close(over) }) // before the server closes, which waits for its answers
	s.answer = func(http.ResponseWriter, *http.Request) bool { <-over; return true }
	w := warmed(t, s, nil)
	started := time.Now()
	if w.admits(t, keys().ec, "a") || !strings.Contains(w.log.String(), "deadline exceeded") {
		t.Errorf("log %s", w.log)
	}
	if took := time.Since(started); took < 2*time.Second || took > 9*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestWhatStandsBesideAKeyDoesNoHarm(t *testing.T) {
	odd := []any{
		nil, "text", map[string]any{}, map[string]any{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}, map[string]any{"kty": "AKP", "kid": "a"},
		map[string]any{"kty": "RSA", "kid": "a", "n": 1}, map[string]any{"kty": "EC", "kid": "a", "crv": "P-256"},
	}
	s := publish(t, false, slices.Concat(odd, []any{ecJWK(keys().ec, "a")}, odd)...)
	if w := warmed(t, s, nil); !w.admits(t, keys().ec, "a") {
		t.Errorf("refused: %s", w.log)
	}
}
