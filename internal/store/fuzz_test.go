package store

import (
	"encoding/base64"
	"reflect"
	"testing"
)

// FuzzPageToken: a page's token is refused, or it is a key that is written and read again
// as the same.
func FuzzPageToken(f *testing.F) {
	for _, key := range []string{`{"pk":"T#a#R#b","sk":"META","created_at":1767225600123}`, `{"pk":null}`, `{"a":{"b":[1e400]}}`, `[]`, `null`, `{}`, `{"":""}`, `{"a":-0.0}`} {
		f.Add(base64.RawURLEncoding.EncodeToString([]byte(key)))
	}
	f.Add("")
	f.Add("!")
	f.Add("e30=")
	f.Fuzz(func(t *testing.T, token string) {
		start, err := pageStart(token)
		if err != nil || token == "" {
			return
		}
		if len(start) == 0 {
			t.Fatalf("%q begins anew", token)
		}
		again, err := pageToken(start)
		if err != nil {
			t.Fatalf("%q is read as %v, which cannot be written: %v", token, start, err)
		}
		if got, err := pageStart(again); err != nil || !reflect.DeepEqual(got, start) {
			t.Fatalf("%q is read as %v, and then as %v, %v", token, start, got, err)
		}
	})
}
