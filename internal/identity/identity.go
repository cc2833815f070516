// Package identity is who a connection belongs to. The authorizer puts it into its
// context, API Gateway passes that on, and the router takes it out.
package identity

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pay-theory/streamer/internal/contract"
)

// An Identity is a user of a tenant, until it ends.
type Identity struct {
	Tenant, User string
	Expires      time.Time
}

const maxUser = 128 // bytes

var tenantName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(contract.TenantPattern) })

// CheckTenant says what is wrong with the name of a tenant.
func CheckTenant(name string) error {
	if !tenantName().MatchString(name) {
		return errors.New("not " + contract.TenantRule)
	}
	return nil
}

// CheckUser says what is wrong with the name of a user.
func CheckUser(name string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError } // the latter also stands for what is no UTF-8
	if name == "" || len(name) > maxUser || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("not 1 to %d bytes of UTF-8 without control characters", maxUser)
	}
	return nil
}

// Context is the authorizer's context for an identity.
func (i Identity) Context() map[string]any {
	return map[string]any{
		contract.IdentitySubject: i.User,
		contract.IdentityTenant:  i.Tenant,
		contract.IdentityExpires: strconv.FormatInt(i.Expires.Unix(), 10),
	}
}

// FromContext is the identity in an authorizer's context, which may be another's than
// ours. The error names the key that is missing or wrong.
func FromContext(context any) (Identity, error) {
	values, _ := context.(map[string]any)
	user, _ := values[contract.IdentitySubject].(string)
	if err := CheckUser(user); err != nil {
		return Identity{}, fmt.Errorf("the authorizer's context has no good %q: %w", contract.IdentitySubject, err)
	}
	tenant, _ := values[contract.IdentityTenant].(string)
	if err := CheckTenant(tenant); err != nil {
		return Identity{}, fmt.Errorf("the authorizer's context has no good %q: %w", contract.IdentityTenant, err)
	}
	text, _ := values[contract.IdentityExpires].(string)
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Identity{}, fmt.Errorf("the authorizer's context has no good %q: not Unix seconds as text", contract.IdentityExpires)
	}
	return Identity{Tenant: tenant, User: user, Expires: time.Unix(seconds, 0)}, nil
}
