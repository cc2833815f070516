package files_test

import (
	"path"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/files"
)

// FuzzParseRef: a reference is taken in the one form in which it is written, and the key
// of its upload stays under its user's prefix.
func FuzzParseRef(f *testing.F) {
	const hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, ref := range []string{
		"01JGH00000000000000000000A.1." + hash, "01JGH00000000000000000000A.0." + hash, "01JGH00000000000000000000A.9999999999." + hash,
		"01JGH00000000000000000000A.1." + strings.ToUpper(hash), "01JGH00000000000000000000A.01." + hash, "../../../../../../../../a.1." + hash, "01JGH00000000000000000000A.1." + hash + "\n", "",
	} {
		f.Add(ref)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		u, ok := files.ParseRef(ref)
		if !ok {
			return
		}
		if u.Ref() != ref || u.Size < 1 {
			t.Errorf("%q is read as %+v", ref, u)
		}
		if key := files.UploadKey("acme", "ann", u); path.Clean(key) != key || !strings.HasPrefix(key, files.UploadKey("acme", "ann", files.Upload{})[:len("t/acme/_uploads/")+64]) {
			t.Errorf("%q lies at %q", ref, key)
		}
	})
}
