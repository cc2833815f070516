package integ_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// The three ways in which a token travels.
var ways = []struct {
	name string
	// with adds the token to a handshake.
	with func(h *handshake, token string)
	// subprotocol is what the server must choose.
	subprotocol string
}{
	{"query", func(h *handshake, token string) { h.query = "?token=" + token }, ""},
	{"header", func(h *handshake, token string) { h.header.Set("Authorization", "Bearer "+token) }, ""},
	{"subprotocol", func(h *handshake, token string) {
		h.subprotocols = []string{protocol.Subprotocol, protocol.SubprotocolBearer + token}
	}, protocol.Subprotocol},
}

type handshake struct {
	query        string
	header       http.Header
	subprotocols []string
}

func (h *handshake) options() *websocket.DialOptions {
	return &websocket.DialOptions{HTTPHeader: h.header, Subprotocols: h.subprotocols}
}

func TestGoodTokenOpensEachWay(t *testing.T) {
	s := deployed(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			h := &handshake{header: http.Header{}}
			way.with(h, token(t, s, nil))
			c := dialWith(t, s.socket+h.query, h.options())
			if got := c.conn.Subprotocol(); got != way.subprotocol {
				t.Errorf("the server chose subprotocol %q, want %q", got, way.subprotocol)
			}
			c.ping(t)
		})
	}
}

func TestSubprotocolIsChosenWithoutATokenInIt(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	c := dialWith(t, s.socket+"?token="+token(t, s, nil), &websocket.DialOptions{Subprotocols: []string{"other", protocol.Subprotocol}})
	if got := c.conn.Subprotocol(); got != protocol.Subprotocol {
		t.Errorf("the server chose subprotocol %q", got)
	}
	c.ping(t)
}

func TestBadTokenIsRefusedEachWay(t *testing.T) {
	s := deployed(t)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := func(method jwt.SigningMethod, key any) string {
		text, err := signed(s.claims(fresh()), method, s.keyID(), key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := token(t, s, nil)
	for name, bad := range map[string]string{
		"wrong signature":           forged(jwt.SigningMethodES256, stranger),
		"cut signature":             good[:len(good)-8],
		"HS256 with the public key": forged(jwt.SigningMethodHS256, s.publicPEM()),
		"no algorithm":              forged(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"wrong issuer":              token(t, s, jwt.MapClaims{"iss": "https://issuer.invalid"}),
		"wrong audience":            token(t, s, jwt.MapClaims{"aud": "someone-else"}),
		"expired":                   token(t, s, jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}),
		"no expiry":                 token(t, s, jwt.MapClaims{"exp": nil}),
		"no tenant":                 token(t, s, jwt.MapClaims{"tenant": nil}),
		"tenant that is not a name": token(t, s, jwt.MapClaims{"tenant": "a#b"}),
		"no subject":                token(t, s, jwt.MapClaims{"sub": nil}),
		"not yet valid":             token(t, s, jwt.MapClaims{"nbf": time.Now().Add(time.Hour).Unix()}),
		"not a token":               "letmein",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, way := range ways {
				h := &handshake{header: http.Header{}}
				way.with(h, bad)
				refusedHandshake(t, s, way.name, h)
			}
		})
	}
}

func TestMissingTokenIsRefused(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	for name, h := range map[string]*handshake{
		"nothing":            {},
		"empty query":        {query: "?token="},
		"empty header":       {header: http.Header{"Authorization": {"Bearer "}}},
		"other scheme":       {header: http.Header{"Authorization": {"Basic YTpi"}}},
		"subprotocol, empty": {subprotocols: []string{protocol.Subprotocol}},
	} {
		refusedHandshake(t, s, name, h)
	}
}

func TestTokenInTwoPlacesIsRefused(t *testing.T) {
	t.Parallel()
	s := deployed(t)
	good := token(t, s, nil)
	for i, one := range ways {
		for _, other := range ways[i+1:] {
			h := &handshake{header: http.Header{}}
			one.with(h, good)
			other.with(h, good)
			refusedHandshake(t, s, one.name+" and "+other.name, h)
		}
	}
	refusedHandshake(t, s, "query twice", &handshake{query: "?token=" + good + "&token=" + good})
}

// brief connects as u with a token that has expired already, but not for as long as the leeway
// is. over waits until it has run out.
func brief(t *testing.T, s *stage, u user) (c *client, over func()) {
	t.Helper()
	const life, leeway = 12 * time.Second, contract.DefaultLeewaySeconds * time.Second
	end := time.Now().Add(life)
	c = dialWith(t, s.socket+"?token="+token(t, s, jwt.MapClaims{"tenant": u.tenant, "sub": u.name, "exp": end.Add(-leeway).Unix()}), nil)
	c.ping(t)
	return c, func() { time.Sleep(time.Until(end.Add(time.Second))) }
}

// TestTokenThatRunsOut: its connection may ask nothing more, at once, and when the reconciler
// has run, it is closed, so that nothing is posted to it either; the user's other connection,
// whose token counts, goes on.
func TestTokenThatRunsOut(t *testing.T) {
	t.Parallel()
	s, u := deployed(t), fresh()
	c, over := brief(t, s, u)
	other := dial(t, u)
	over()
	refused(t, c.ask(t, protocol.Message{Action: "echo"}), protocol.Unauthenticated)
	refused(t, c.ask(t, protocol.Message{Action: "echo_async"}), protocol.Unauthenticated)
	other.ping(t)
	t.Run("is closed", func(t *testing.T) {
		reconcile(t, local(t, "a reconciler that a test may run"))
		c.gone(t)
	})
	other.ping(t)
}

// TestKeysRotateWhileTheStageRuns: the issuer publishes one more key, and a little later
// its tokens count, with nothing deployed anew, as do those of the other.
func TestKeysRotateWhileTheStageRuns(t *testing.T) {
	t.Parallel()
	s := local(t, "an issuer whose keys a test may change")
	url := s.endpoint + front.KeysPath
	rotated := *s
	var err error
	if rotated.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []any `json:"keys"`
	}
	if err := json.Unmarshal(control(t, http.MethodGet, url, nil), &set); err != nil {
		t.Fatal(err)
	}
	refusedHandshake(t, s, "a key that is not published", &handshake{query: "?token=" + token(t, &rotated, nil)})
	set.Keys = append(set.Keys, rotated.publicJWK())
	control(t, http.MethodPut, url, set)
	t.Cleanup(func() { control(t, http.MethodDelete, url, nil) })
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		c, status, err := open(t.Context(), s.socket+"?token="+token(t, &rotated, nil), nil)
		if err == nil {
			c.ping(t)
			c.close(t)
			break
		}
		if time.Now().After(end) || (status != http.StatusUnauthorized && status != http.StatusForbidden) {
			t.Fatalf("a token of the new key is refused with status %d: %v", status, err)
		}
	}
	dialWith(t, s.socket+"?token="+token(t, s, nil), nil).ping(t)
}

// refusedHandshake fails the test if the stage lets the client in, or refuses it in
// another way than API Gateway refuses those whom an authorizer does not know.
func refusedHandshake(t *testing.T, s *stage, name string, h *handshake) {
	t.Helper()
	c, status, err := open(t.Context(), s.socket+h.query, h.options())
	if err == nil {
		c.close(t)
		t.Errorf("%s: the client got in", name)
		return
	}
	if status != http.StatusUnauthorized && status != http.StatusForbidden {
		t.Errorf("%s: refused with status %d, want 401 or 403: %v", name, status, err)
	}
}

// token makes one for a fresh user, with some claims changed; those that are nil are
// left out.
func token(t *testing.T, s *stage, changes jwt.MapClaims) string {
	t.Helper()
	claims := s.claims(fresh())
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	text, err := s.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
