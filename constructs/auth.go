package constructs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// authConfig is what the authorizer reads from contract.EnvAuth.
type authConfig struct {
	Issuer       string          `json:"issuer,omitempty"`
	Audience     string          `json:"audience,omitempty"`
	JWKS         json.RawMessage `json:"jwks,omitempty"`
	SubjectClaim string          `json:"subject_claim,omitempty"`
	TenantClaim  string          `json:"tenant_claim,omitempty"`
	Anonymous    bool            `json:"anonymous,omitempty"`
}

func (a *AuthProps) validate() error {
	switch {
	case a == nil:
		return nil
	case a.Anonymous && *a != (AuthProps{Anonymous: true}):
		return errors.New("Auth.Anonymous is set beside other fields of Auth: give either it or an issuer, an audience and keys")
	case a.Anonymous:
		return nil
	case a.Issuer == "":
		return errors.New("Auth.Issuer is empty: give the iss of the tokens to accept, or set Auth.Anonymous")
	case a.Audience == "":
		return errors.New("Auth.Audience is empty: give the aud of the tokens to accept")
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(a.JWKS), &set); err != nil {
		return fmt.Errorf("Auth.JWKS is not JSON (%w): give the issuer's key set, {\"keys\":[…]}", err)
	}
	if len(set.Keys) == 0 {
		return errors.New("Auth.JWKS has no keys: give the issuer's key set, {\"keys\":[…]}")
	}
	for _, key := range set.Keys {
		if _, private := key["d"]; private || key["kty"] == "oct" {
			return errors.New("Auth.JWKS holds a secret key: give the public keys alone")
		}
	}
	if size := len(contract.EnvAuth) + len(a.environment()); size > maxEnvironmentBytes {
		return fmt.Errorf("Auth.JWKS is too large: the authorizer's environment would hold %d bytes, Lambda takes %d; leave out retired keys and x5c chains", size, maxEnvironmentBytes)
	}
	return nil
}

// environment is the value of contract.EnvAuth.
func (a *AuthProps) environment() string {
	config := authConfig{
		Issuer: a.Issuer, Audience: a.Audience,
		SubjectClaim: a.SubjectClaim, TenantClaim: a.TenantClaim,
		Anonymous: a.Anonymous,
	}
	if a.JWKS != "" {
		config.JWKS = json.RawMessage(a.JWKS) // json.Marshal compacts it
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(config); err != nil {
		panic(err) // JWKS was checked to be JSON
	}
	return string(bytes.TrimSpace(out.Bytes()))
}

// warnAboutAuth tells at synth what an operator must not learn from clients.
func (s *StreamerConstruct) warnAboutAuth(auth *AuthProps) {
	notes := awscdk.Annotations_Of(s)
	switch {
	case auth == nil:
		notes.AddWarningV2(jsii.String("streamer:noAuth"),
			jsii.String("Auth is not set: every connection will be refused. Give Auth an issuer, an audience and a JWKS."))
	case auth.Anonymous:
		notes.AddWarningV2(jsii.String("streamer:anonymous"),
			jsii.String("Auth.Anonymous is set: anybody may connect, and all share one tenant."))
	}
}
