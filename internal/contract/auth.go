package contract

import "encoding/json"

// Auth is the authorizer's configuration, the value of EnvAuth as JSON. What its members
// are for is said at constructs.AuthProps.
type Auth struct {
	Issuer        string            `json:"issuer,omitempty"`
	Audiences     []string          `json:"audiences,omitempty"`
	JWKSURL       string            `json:"jwks_url,omitempty"` // empty without JWKS: what the issuer's discovery document says
	JWKS          json.RawMessage   `json:"jwks,omitempty"`     // a JSON Web Key Set
	SubjectClaim  string            `json:"subject_claim,omitempty"`
	TenantClaim   string            `json:"tenant_claim,omitempty"`
	Tenant        string            `json:"tenant,omitempty"` // of everybody
	Claims        map[string]string `json:"claims,omitempty"` // that a token must have
	LeewaySeconds int               `json:"leeway,omitempty"`
	Origins       []string          `json:"origins,omitempty"`
	RequireOrigin bool              `json:"require_origin,omitempty"`
	Anonymous     bool              `json:"anonymous,omitempty"` // everybody, without a token
}

// DefaultLeewaySeconds is Auth.LeewaySeconds if it is zero.
const DefaultLeewaySeconds = 30

// IAM says how callers that signed their handshake with IAM become users, the value of
// EnvIAM as JSON.
type IAM struct {
	Tenant string `json:"tenant,omitempty"` // of everybody; empty: the caller's AWS account
}
