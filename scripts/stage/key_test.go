package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func testStage(t *testing.T) dir {
	t.Helper()
	d := dir(filepath.Join(t.TempDir(), ".stage"))
	if err := os.MkdirAll(d.logs(), 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestTokenVerifies(t *testing.T) {
	d := testStage(t)
	k, err := loadKey(d)
	if err != nil {
		t.Fatal(err)
	}
	token, err := k.token("acme", "ada", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadKey(d) // the key is made once
	if err != nil {
		t.Fatal(err)
	}
	local, err := localContext("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Endpoint, Issuer, Audience string
		JWKSURL                    string `json:"jwks_url"`
	}
	if err := json.Unmarshal([]byte(local), &told); err != nil {
		t.Fatal(err)
	}
	if !again.private.Equal(k.private) || told.Endpoint != "http://127.0.0.1:1" || told.JWKSURL != "http://127.0.0.1:1/_front/jwks" {
		t.Fatalf("context %s", local)
	}
	published, err := publishedKeys(d)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(published, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("published %s, %v", published, err)
	}
	public := set.Keys[0]
	number := func(s string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil || len(b) != 32 {
			t.Fatalf("coordinate %q: %v", s, err)
		}
		return new(big.Int).SetBytes(b)
	}
	parsed, err := jwt.Parse(token, func(tok *jwt.Token) (any, error) {
		if tok.Header["kid"] != public["kid"] || public["kid"] == "" {
			t.Errorf("kid %v, the set has %q", tok.Header["kid"], public["kid"])
		}
		return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(public["x"]), Y: number(public["y"])}, nil
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(told.Issuer), jwt.WithAudience(told.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil {
		t.Fatal(err)
	}
	claims := parsed.Claims.(jwt.MapClaims)
	if claims["sub"] != "ada" || claims["tenant"] != "acme" || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("claims %v", claims)
	}
	if info, err := os.Stat(d.key()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
}
