package lifecycle_test

import (
	"regexp"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

var canonicalID = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}\z`)

// FuzzValidID: an id is 26 upper-case characters of Crockford's base 32, and nothing else.
func FuzzValidID(f *testing.F) {
	for _, id := range []string{
		"01JGH00000000000000000000A", "01jgh00000000000000000000a", "01JGH0000000000000000000IL", "01JGH00000000000000000000", "01JGH00000000000000000000A\n", "０1JGH0000000000000000000A",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if got := lifecycle.ValidID(id); got != canonicalID.MatchString(id) {
			t.Errorf("%q: %v", id, got)
		}
	})
}

// FuzzKeyedID: the id of a key is an id, always the same, and another one as soon as a
// byte moves from one field to its neighbour.
func FuzzKeyedID(f *testing.F) {
	f.Add("acme", "ann", "echo_async", "order 4711")
	f.Add("", "", "", "")
	f.Add("a", "aa", "aaa", "\xff\x00")
	f.Fuzz(func(t *testing.T, tenant, user, action, key string) {
		id := lifecycle.KeyedID(tenant, user, action, key)
		if !lifecycle.ValidID(id) || lifecycle.KeyedID(tenant, user, action, key) != id {
			t.Fatalf("%q, and then %q", id, lifecycle.KeyedID(tenant, user, action, key))
		}
		others := map[string]string{"all in one": lifecycle.KeyedID("", "", "", tenant+user+action+key)}
		if tenant+user+action == "" {
			clear(others)
		}
		if user != "" {
			others["user to tenant"] = lifecycle.KeyedID(tenant+user[:1], user[1:], action, key)
		}
		if action != "" {
			others["action to user"] = lifecycle.KeyedID(tenant, user+action[:1], action[1:], key)
		}
		if key != "" {
			others["key to action"] = lifecycle.KeyedID(tenant, user, action+key[:1], key[1:])
		}
		for what, other := range others {
			if other == id {
				t.Errorf("%s: the same id", what)
			}
		}
		pk := lifecycle.Key{Tenant: tenant, ID: id}.PK()
		if got, err := lifecycle.ParsePK(pk); tenant != "" && (err != nil || got != lifecycle.Key{Tenant: tenant, ID: id}) {
			t.Errorf("%q is read back as %+v, %v", pk, got, err)
		}
	})
}
