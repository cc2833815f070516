package handshake_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pay-theory/streamer/internal/handshake"
)

// FuzzSubprotocols: what a client offers is names without commas and spaces around them,
// the same however they are spread over headers and whatever case the header has.
func FuzzSubprotocols(f *testing.F) {
	f.Add("streamer.v1, streamer.bearer.a.b.c", "x")
	f.Add(" ,,\t, a ,", ",")
	f.Add("", "\xff\u00a0,\u2003")
	f.Fuzz(func(t *testing.T, first, second string) {
		got := handshake.Headers{Multi: map[string][]string{"sec-websocket-protocol": {first, second}}}.Subprotocols()
		for _, p := range got {
			if p == "" || strings.Contains(p, ",") || strings.TrimSpace(p) != p {
				t.Errorf("%q, %q: offers %q", first, second, p)
			}
		}
		joined := handshake.Headers{Single: map[string]string{"SEC-WEBSOCKET-PROTOCOL": strings.Join(got, ",")}}.Subprotocols()
		if !slices.Equal(got, joined) {
			t.Errorf("%q offered apart, %q together", got, joined)
		}
	})
}
