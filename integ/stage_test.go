package integ_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

// Tests wait most of their time, so more run side by side than there are processors.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	if _, err := environment(); err != nil && !errors.Is(err, outputs.ErrNoFile) {
		fmt.Fprintln(os.Stderr, "integ:", err) // once, not by every test
		os.Exit(1)
	}
	status := m.Run()
	if err := os.RemoveAll(programs); err != nil {
		panic(err)
	}
	os.Exit(status)
}

// stage is the deployment that the tests talk to.
type stage struct {
	name   string // of its stack
	socket string // the WebSocket's URL
	key    *ecdsa.PrivateKey
	issuer string
	// audience is whom the stage's tokens are for.
	audience string
	// endpoint is where the local stage answers AWS calls; empty for an account.
	endpoint string
}

var environment = sync.OnceValues(readEnvironment)

func readEnvironment() (*stage, error) {
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		return nil, err
	}
	s := &stage{
		name:     stack.Name,
		socket:   stack.Values[contract.OutputWebSocketURL],
		issuer:   valueOr(os.Getenv("STREAMER_TOKEN_ISSUER"), "https://stage.streamer.local"),
		audience: valueOr(os.Getenv("STREAMER_TOKEN_AUDIENCE"), "streamer"),
		endpoint: strings.TrimSuffix(os.Getenv("AWS_ENDPOINT_URL"), "/"),
	}
	pem, err := os.ReadFile(os.Getenv("STREAMER_TOKEN_KEY"))
	if err != nil {
		return nil, fmt.Errorf("read the private key that signs the stage's tokens (STREAMER_TOKEN_KEY names it, that of the local stage is .stage/token.pem): %w", err)
	}
	if s.key, err = jwt.ParseECPrivateKeyFromPEM(pem); err != nil {
		return nil, fmt.Errorf("read STREAMER_TOKEN_KEY: %w", err)
	}
	return s, nil
}

func valueOr(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// deployed returns the stage, or skips the test. In CI a missing stage is a failure, so
// that a pipeline cannot be green because it tested nothing.
func deployed(t *testing.T) *stage {
	t.Helper()
	s, err := environment()
	switch {
	case errors.Is(err, outputs.ErrNoFile) && os.Getenv("CI") != "true":
		t.Skip("needs a stage: ", err)
	case err != nil:
		t.Fatal(err)
	}
	return s
}

// local returns the stage if it is the local one, or skips the test because it needs
// what only that one has.
func local(t *testing.T, needs string) *stage {
	t.Helper()
	s := deployed(t)
	if s.endpoint == "" {
		t.Skipf("needs %s, which only the local stage has: AWS_ENDPOINT_URL is not set", needs)
	}
	return s
}

// user is one user of one tenant.
type user struct{ tenant, name string }

// fresh is a user of a tenant that nobody else has.
func fresh() user {
	return user{tenant: "integ-" + strings.ToLower(rand.Text()[:12]), name: "ada"}
}

// claims are those of a good token for u.
func (s *stage) claims(u user) jwt.MapClaims {
	now := time.Now()
	return jwt.MapClaims{
		"iss": s.issuer, "aud": s.audience, "sub": u.name, "tenant": u.tenant,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// sign makes a token of claims as the stage's issuer does.
func (s *stage) sign(claims jwt.MapClaims) (string, error) {
	return signed(claims, jwt.SigningMethodES256, s.keyID(), s.key)
}

// token is a good token for u.
func (s *stage) token(t *testing.T, u user) string {
	t.Helper()
	token, err := s.sign(s.claims(u))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func signed(claims jwt.MapClaims, method jwt.SigningMethod, keyID string, key any) (string, error) {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = keyID
	text, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return text, nil
}

// keyID is the RFC 7638 thumbprint of the stage's key.
func (s *stage) keyID() string {
	x, y := s.coordinates()
	thumbprint := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, x, y))
	return base64.RawURLEncoding.EncodeToString(thumbprint[:])
}

// publicJWK is the public half of the stage's key as its issuer publishes it.
func (s *stage) publicJWK() map[string]string {
	x, y := s.coordinates()
	return map[string]string{"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": s.keyID(), "alg": "ES256", "use": "sig"}
}

// coordinates are those of the key's point, as a JSON Web Key has them.
func (s *stage) coordinates() (x, y string) {
	point, err := s.key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err) // a key that was read is on its curve
	}
	encode := base64.RawURLEncoding.EncodeToString
	half := (len(point) - 1) / 2
	return encode(point[1 : 1+half]), encode(point[1+half:])
}

// publicPEM is the public half of the stage's key, as anyone may have it.
func (s *stage) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(&s.key.PublicKey)
	if err != nil {
		panic(err) // a key that was read can be written
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}
