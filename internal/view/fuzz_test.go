package view_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer/internal/view"
)

// FuzzLinked: a result gets its link and its end, and all else in it stays as its handler
// wrote it.
func FuzzLinked(f *testing.F) {
	for _, result := range []string{
		`{"key":"t/a/b","size":1e400,"pages":3}`, `{"url":"old","expires_at":"old","a":[1.10,"<&>\u2028"]}`, `{"a":1,"a":2}`, `{}`, `null`, `[]`, `"x"`, ``, "{\"\xff\":1}",
	} {
		f.Add([]byte(result))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		linked, err := view.Linked(t.Context(), result, "t/acme/x", links{})
		if err != nil {
			return
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(result, &before); err != nil {
			t.Fatalf("%q is taken: %v", result, err)
		}
		if err := json.Unmarshal(linked, &after); err != nil {
			t.Fatalf("%q becomes %q: %v", result, linked, err)
		}
		if string(after["url"]) != `"https://b.example/t/acme/x?X=1&Y=2"` || after["expires_at"] == nil {
			t.Errorf("%q becomes %q", result, linked)
		}
		for _, m := range []map[string]json.RawMessage{before, after} {
			delete(m, "url")
			delete(m, "expires_at")
		}
		if len(before) != len(after) {
			t.Fatalf("%q becomes %q", result, linked)
		}
		for name, value := range before {
			var compact bytes.Buffer
			if err := json.Compact(&compact, value); err != nil || !bytes.Equal(compact.Bytes(), after[name]) {
				t.Errorf("%q: %s became %s, %v", name, value, after[name], err)
			}
		}
	})
}
