package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What every token of a local stage says about its origin; the authorizer of a
// local stage accepts no other.
const (
	issuer   = "https://stage.streamer.local"
	audience = "streamer"
)

// key signs the tokens of a local stage (ES256).
type key struct{ private *ecdsa.PrivateKey }

// loadKey reads the key of a .stage, and makes it the first time: PKCS #8 in PEM.
func loadKey(d dir) (key, error) {
	data, err := os.ReadFile(d.key())
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(d)
	}
	if err != nil {
		return key{}, fmt.Errorf("read the token key: %w", err)
	}
	private, err := jwt.ParseECPrivateKeyFromPEM(data)
	if err != nil {
		return key{}, fmt.Errorf("read the token key %s: %w", d.key(), err)
	}
	return key{private}, nil
}

func makeKey(d dir) (key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return key{}, fmt.Errorf("make a token key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return key{}, fmt.Errorf("make a token key: %w", err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := replaceFile(d.key(), block, 0o600); err != nil {
		return key{}, fmt.Errorf("write the token key: %w", err)
	}
	return key{private}, nil
}

// jwk is the public half as a JSON Web Key. Its members are those that RFC 7638
// wants in a thumbprint, in that order, and then the optional ones.
type jwk struct {
	Curve string `json:"crv"`
	Type  string `json:"kty"`
	X     string `json:"x"`
	Y     string `json:"y"`
	ID    string `json:"kid,omitempty"`
	Alg   string `json:"alg,omitempty"`
	Use   string `json:"use,omitempty"`
}

// jwks is a key set, as issuers publish it.
type jwks struct {
	Keys []jwk `json:"keys"`
}

// public returns the key set that verifies the tokens. The key's id is its RFC 7638
// thumbprint.
func (k key) public() (jwks, error) {
	point, err := k.private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return jwks{}, fmt.Errorf("encode the token key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	half := (len(point) - 1) / 2
	j := jwk{Curve: "P-256", Type: "EC", X: encode(point[1 : 1+half]), Y: encode(point[1+half:])}
	members, err := json.Marshal(j)
	if err != nil {
		return jwks{}, fmt.Errorf("encode the token key: %w", err)
	}
	thumbprint := sha256.Sum256(members)
	j.ID, j.Alg, j.Use = encode(thumbprint[:]), "ES256", "sig"
	return jwks{Keys: []jwk{j}}, nil
}

// publishedKeys is the key set of a .stage as JSON.
func publishedKeys(d dir) (json.RawMessage, error) {
	k, err := loadKey(d)
	if err != nil {
		return nil, err
	}
	set, err := k.public()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode the key set: %w", err)
	}
	return text, nil
}

// token returns a signed token for a user (subject) of a tenant.
func (k key) token(tenant, subject string, ttl time.Duration, now time.Time) (string, error) {
	set, err := k.public()
	if err != nil {
		return "", err
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss":    issuer,
		"aud":    audience,
		"sub":    subject,
		"tenant": tenant,
		"iat":    now.Unix(),
		"exp":    now.Add(ttl).Unix(),
	})
	t.Header["kid"] = set.Keys[0].ID
	signed, err := t.SignedString(k.private)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return signed, nil
}
