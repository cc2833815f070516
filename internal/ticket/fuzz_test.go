package ticket_test

import (
	"encoding/base64"
	"testing"

	"github.com/pay-theory/streamer/internal/ticket"
)

// FuzzParse: whatever is taken for a ticket is written as one again that says the same.
func FuzzParse(f *testing.F) {
	text, err := base64.RawURLEncoding.DecodeString(good().String())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, form []byte) {
		read, err := ticket.Parse(base64.RawURLEncoding.EncodeToString(form))
		if err != nil {
			return
		}
		if again, err := ticket.Parse(read.String()); err != nil || again != read {
			t.Errorf("%+v is written as %+v, %v", read, again, err)
		}
	})
}
