package constructs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

const maxLeewaySeconds = 300

func (a *AuthProps) validate() error {
	if a == nil {
		return nil
	}
	var ways []string
	for _, way := range []struct {
		name   string
		chosen bool
	}{
		{"Auth.Anonymous", a.Anonymous}, {"Auth.IAM", a.IAM}, {"Auth.Authorizer", a.Authorizer != nil}, {"Auth." + a.tokenField(), a.tokenField() != ""},
	} {
		if way.chosen {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) > 1:
		return fmt.Errorf("%s is set beside %s: give one way to connect", ways[0], strings.Join(ways[1:], " and "))
	case a.RequireOrigin && len(a.Origins) == 0:
		return errors.New("Auth.RequireOrigin is set without Auth.Origins: name the origins, or leave it out")
	case len(a.Origins) > 0 && (a.IAM || a.Authorizer != nil):
		return fmt.Errorf("Auth.Origins is set beside %s, which decides without looking at them: leave it out", ways[0])
	case a.Tenant != "" && (a.Anonymous || a.Authorizer != nil):
		return fmt.Errorf("Auth.Tenant is set beside %s, which names the tenant itself: leave it out", ways[0])
	}
	if a.Tenant != "" && !unresolved(a.Tenant) && !tenantPattern.MatchString(a.Tenant) {
		return fmt.Errorf("Auth.Tenant is %q: give %s", a.Tenant, contract.TenantRule)
	}
	for _, origin := range a.Origins {
		if !unresolved(origin) && !isOrigin(origin) {
			return fmt.Errorf("Auth.Origins has %q: give scheme and host as a browser does, such as https://app.example.com", origin)
		}
	}
	if !a.IAM && !a.Anonymous && a.Authorizer == nil {
		if err := a.validateTokens(); err != nil {
			return err
		}
	}
	if size := len(contract.EnvAuth) + len(a.environment()); size > maxEnvironmentBytes {
		return fmt.Errorf("Auth is too large: the authorizer's environment would hold %d bytes, Lambda takes %d; give Auth.JWKSURL in place of Auth.JWKS, or leave out retired keys and x5c chains", size, maxEnvironmentBytes)
	}
	return nil
}

// fetchesKeys tells an authorizer that asks the issuer for its keys.
func (a *AuthProps) fetchesKeys() bool {
	return a != nil && a.Issuer != "" && a.JWKS == ""
}

// tokenField is the first field that is set of those that are about tokens alone.
func (a *AuthProps) tokenField() string {
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"Issuer", a.Issuer != ""}, {"Audiences", len(a.Audiences) > 0}, {"JWKSURL", a.JWKSURL != ""}, {"JWKS", a.JWKS != ""},
		{"SubjectClaim", a.SubjectClaim != ""}, {"TenantClaim", a.TenantClaim != ""}, {"Claims", len(a.Claims) > 0}, {"LeewaySeconds", a.LeewaySeconds != 0},
	} {
		if field.set {
			return field.name
		}
	}
	return ""
}

func (a *AuthProps) validateTokens() error {
	switch {
	case a.Issuer == "":
		return errors.New("Auth.Issuer is empty: give the iss of the tokens to accept, or set Auth.Authorizer, Auth.IAM or Auth.Anonymous")
	case len(a.Audiences) == 0:
		return errors.New("Auth.Audiences is empty: give the aud, or the client_id, of the tokens to accept")
	case a.JWKS != "" && a.JWKSURL != "":
		return errors.New("Auth.JWKS is set beside Auth.JWKSURL: give either")
	case a.TenantClaim != "" && a.Tenant != "":
		return errors.New("Auth.TenantClaim is set beside Auth.Tenant: give either")
	case a.LeewaySeconds < 0 || a.LeewaySeconds > maxLeewaySeconds:
		return fmt.Errorf("Auth.LeewaySeconds is %d: give 1 to %d, or 0 for the default", a.LeewaySeconds, maxLeewaySeconds)
	}
	for _, audience := range a.Audiences {
		if audience == "" {
			return errors.New("Auth.Audiences has an empty one: leave it out")
		}
	}
	for name, value := range a.Claims {
		if name == "" || value == "" {
			return fmt.Errorf("Auth.Claims has %q: %q: give a name and a value", name, value)
		}
	}
	switch {
	case a.JWKS != "":
		return validateKeys(a.JWKS)
	case a.JWKSURL != "" && !isHTTPS(a.JWKSURL):
		return fmt.Errorf("Auth.JWKSURL is %q: give an https URL", a.JWKSURL)
	case a.JWKSURL == "" && !isHTTPS(a.Issuer):
		return fmt.Errorf("Auth.Issuer is %q, which is no https URL to find keys at: give Auth.JWKSURL or Auth.JWKS", a.Issuer)
	}
	return nil
}

func validateKeys(jwks string) error {
	if unresolved(jwks) {
		return errors.New("Auth.JWKS is known only to CloudFormation: give the text of the keys, or Auth.JWKSURL")
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal([]byte(jwks), &set); err != nil {
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
	return nil
}

// unresolved tells a value that only CloudFormation knows.
func unresolved(value string) bool { return *awscdk.Token_IsUnresolved(value) }

func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return unresolved(address) || (err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil)
}

func isOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && origin == strings.ToLower(u.Scheme+"://"+u.Host)
}

// environment is the value of contract.EnvAuth.
func (a *AuthProps) environment() string {
	config := contract.Auth{
		Issuer: a.Issuer, Audiences: a.Audiences, JWKSURL: a.JWKSURL,
		SubjectClaim: a.SubjectClaim, TenantClaim: a.TenantClaim, Tenant: a.Tenant,
		Claims: a.Claims, LeewaySeconds: a.LeewaySeconds,
		Origins: a.Origins, RequireOrigin: a.RequireOrigin,
		Anonymous: a.Anonymous,
	}
	if a.JWKS != "" {
		config.JWKS = json.RawMessage(a.JWKS) // json.Marshal compacts it
	}
	return encoded(config)
}

// iamEnvironment is the value of contract.EnvIAM.
func (a *AuthProps) iamEnvironment() string { return encoded(contract.IAM{Tenant: a.Tenant}) }

// encoded leaves <, > and & as they are.
func encoded(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // what was JSON already is the only thing that might fail, and was checked
	}
	return string(bytes.TrimSpace(out.Bytes()))
}

// warnAboutAuth tells at synth what an operator must not learn from clients.
func (s *StreamerConstruct) warnAboutAuth(auth *AuthProps) {
	notes := awscdk.Annotations_Of(s)
	switch {
	case auth == nil:
		notes.AddWarningV2(jsii.String("streamer:noAuth"),
			jsii.String("Auth is not set: every connection will be refused. Give Auth an issuer and an audience, or another way to connect."))
	case auth.Anonymous:
		notes.AddWarningV2(jsii.String("streamer:anonymous"),
			jsii.String("Auth.Anonymous is set: anybody may connect, and all share one tenant."))
	}
}
