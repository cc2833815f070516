package authorizer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// What each kind of key verifies (RFC 7518, 3.1; RFC 8037, 3.1).
var (
	rsaAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	curves        = map[string]struct {
		elliptic.Curve
		alg string
	}{"P-256": {elliptic.P256(), "ES256"}, "P-384": {elliptic.P384(), "ES384"}, "P-521": {elliptic.P521(), "ES512"}}
)

// algorithms are all that there are. None works with a shared secret.
var algorithms = append([]string{"ES256", "ES384", "ES512", "EdDSA"}, rsaAlgorithms...)

// minRSABits is the smallest RSA key that counts (RFC 7518, 3.3).
const minRSABits = 2048

// key is a public key of the issuer.
type key struct {
	id         string
	algorithms []string // of the tokens that it may verify
	public     crypto.PublicKey
}

// parseKeys reads a JSON Web Key Set (RFC 7517). Keys that are not for verifying tokens,
// not known, or not whole are left out; it is an error if none is left.
func parseKeys(set []byte) ([]key, error) {
	var jwks struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(set, &jwks); err != nil {
		return nil, fmt.Errorf("is not a JSON Web Key Set: %w", err)
	}
	var keys []key
	for _, text := range jwks.Keys {
		var j jwk
		if json.Unmarshal(text, &j) != nil {
			continue
		}
		if k, ok := j.key(); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("has no public key that can verify a token")
	}
	return keys, nil
}

// jwk is a JSON Web Key.
type jwk struct {
	Type       string          `json:"kty"`
	ID         string          `json:"kid"`
	Use        string          `json:"use"`
	Operations []string        `json:"key_ops"`
	Algorithm  string          `json:"alg"`
	Curve      string          `json:"crv"`
	X          number          `json:"x"`
	Y          number          `json:"y"`
	N          number          `json:"n"`
	E          number          `json:"e"`
	Private    json.RawMessage `json:"d"`
}

// number is unpadded base64url, as all numbers of a key are.
type number []byte

func (n *number) UnmarshalText(text []byte) (err error) {
	*n, err = base64.RawURLEncoding.DecodeString(string(text))
	return err
}

// key is the key, if it may verify tokens. One that comes with its private half is
// nobody's any more.
func (j jwk) key() (key, bool) {
	if len(j.Private) > 0 || (j.Use != "" && j.Use != "sig") || (len(j.Operations) > 0 && !slices.Contains(j.Operations, "verify")) {
		return key{}, false
	}
	k := key{id: j.ID}
	switch j.Type {
	case "RSA":
		n, e := new(big.Int).SetBytes(j.N), new(big.Int).SetBytes(j.E)
		if n.BitLen() < minRSABits || e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 {
			return key{}, false
		}
		k.public, k.algorithms = &rsa.PublicKey{N: n, E: int(e.Int64())}, rsaAlgorithms
	case "EC":
		curve, known := curves[j.Curve]
		if !known || len(j.X) != len(j.Y) {
			return key{}, false
		}
		public, err := ecdsa.ParseUncompressedPublicKey(curve.Curve, slices.Concat([]byte{4}, j.X, j.Y))
		if err != nil {
			return key{}, false
		}
		k.public, k.algorithms = public, []string{curve.alg}
	case "OKP":
		if j.Curve != "Ed25519" || len(j.X) != ed25519.PublicKeySize {
			return key{}, false
		}
		k.public, k.algorithms = ed25519.PublicKey(j.X), []string{"EdDSA"}
	default:
		return key{}, false
	}
	if j.Algorithm != "" { // the issuer says which one
		if !slices.Contains(k.algorithms, j.Algorithm) {
			return key{}, false
		}
		k.algorithms = []string{j.Algorithm}
	}
	return k, true
}
