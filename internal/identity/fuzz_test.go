package identity_test

import (
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer/internal/identity"
)

// FuzzFromContext: an authorizer's context is refused, or it is an identity whose names
// fit into keys and whose own context is the same.
func FuzzFromContext(f *testing.F) {
	for _, context := range []string{
		`{"sub":"ann","tenant":"acme","exp":"1900000000"}`, `{"sub":"ann","tenant":"acme","exp":1900000000}`, `{"sub":"a\u0000","tenant":"acme","exp":"1"}`, `{"sub":"\ufffd","tenant":"acme","exp":"1"}`,
		`{"sub":"ann","tenant":"a#R#b","exp":"1"}`, `{"sub":"ann","tenant":"acme\n","exp":"+1"}`, `{"sub":"ann","tenant":"acme","exp":"9223372036854775808"}`, `[]`, `null`, `"x"`,
	} {
		f.Add([]byte(context))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var context any
		if json.Unmarshal(text, &context) != nil {
			return
		}
		who, err := identity.FromContext(context)
		if err != nil {
			return
		}
		if identity.CheckUser(who.User) != nil || identity.CheckTenant(who.Tenant) != nil {
			t.Errorf("%s is %+v", text, who)
		}
		if again, err := identity.FromContext(who.Context()); err != nil || again != who {
			t.Errorf("%s is %+v, and then %+v, %v", text, who, again, err)
		}
	})
}
