package lifecycle

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

// idLength is that of a ULID: 26 characters of Crockford's base 32. Ids made from an
// idempotency key look the same, so one check serves both.
const idLength = 26

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NoID has the shape of a request's id, and no request has it: none was accepted in 1970.
const NoID = "00000000000000000000000000"

var idEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding)

// KeyedID makes the id of a request that came with an idempotency key: the same key,
// from the same user, for the same action, gives the same id, so that the conditional
// put of the row is the check. Lengths are hashed with the fields, so that no two sets
// of fields run together.
func KeyedID(tenant, user, action, key string) string {
	h := sha256.New()
	for _, field := range []string{tenant, user, action, key} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return idEncoding.EncodeToString(h.Sum(nil))[:idLength]
}

// ValidID reports whether s has the shape of a request's id.
func ValidID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for i := range len(s) {
		c := s[i]
		digit := c >= '0' && c <= '9'
		letter := c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U'
		if !digit && !letter {
			return false
		}
	}
	return true
}
