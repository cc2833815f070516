package identity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/identity"
)

func TestAContextIsReadAsItIsWritten(t *testing.T) {
	for _, who := range []identity.Identity{
		{Tenant: "acme", User: "ann", Expires: time.Unix(1_768_857_206, 0)},
		{Tenant: strings.Repeat("t", 64), User: strings.Repeat("s", 128), Expires: time.Unix(253_402_300_799, 0)},
		{Tenant: "0a.B_c@d:e-f", User: "auth0|ann#1/Ω \"", Expires: time.Unix(0, 0)},
	} {
		if got, err := identity.FromContext(who.Context()); err != nil || got != who {
			t.Errorf("%+v is read as %+v, err %v", who, got, err)
		}
	}
}

func TestNames(t *testing.T) {
	for _, bad := range []string{"", "-a", ".", "..", "a#b", "a/b", "a b", "a\n", "a\x00", "аcme", strings.Repeat("t", 65)} {
		if identity.CheckTenant(bad) == nil {
			t.Errorf("tenant %q is good", bad)
		}
	}
	for _, bad := range []string{"", "ann\n", "ann\x00", "ann\u0085", "ann\xff", "ann\ufffd", strings.Repeat("s", 129), strings.Repeat("Ω", 65)} {
		if identity.CheckUser(bad) == nil {
			t.Errorf("user %q is good", bad)
		}
	}
}
