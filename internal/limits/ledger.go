package limits

import (
	"fmt"
	"strings"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// ledger is the key of the nth drawer for a kind of thing, of whom: a user's key, or a tenant's.
func ledger(kind string, n int, whose string) string {
	return fmt.Sprintf("L#%s#%d#%s", kind, n, whose)
}

// Owned tells by its key whether a ledger is the user's, or where there is no user, the
// tenant's or one of its users'.
func Owned(key, tenant, user string) bool {
	parts := strings.SplitN(key, "#", 4) // L, kind, drawer, whose
	if len(parts) < 4 {
		return false
	}
	if user != "" {
		return parts[3] == lifecycle.UserKey(tenant, user)
	}
	return parts[3] == lifecycle.TenantKey(tenant) || strings.HasPrefix(parts[3], lifecycle.UserKey(tenant, ""))
}
