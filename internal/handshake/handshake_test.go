package handshake_test

import (
	"slices"
	"testing"

	"github.com/pay-theory/streamer/internal/handshake"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		headers handshake.Headers
		want    []string
	}{
		{handshake.Headers{}, nil},
		{handshake.Headers{Single: map[string]string{"Authorization": "a"}}, []string{"a"}},
		{handshake.Headers{Single: map[string]string{"aUTHORIZATION": "a", "Authorization2": "b", "": "c"}}, []string{"a"}},
		{handshake.Headers{Single: map[string]string{"authorization": "b", "Authorization": "a"}}, []string{"a", "b"}},
		{handshake.Headers{Single: map[string]string{"Authorization": "b"}, Multi: map[string][]string{"authorization": {"a", "b"}}}, []string{"a", "b"}},
		{handshake.Headers{Single: map[string]string{"Authorization": "a"}, Multi: map[string][]string{"Host": {"h"}}}, []string{"a"}},
		{handshake.Headers{Multi: map[string][]string{"AUTHORIZATION": {"a"}, "authorization": {"b"}}}, []string{"a", "b"}},
		{handshake.Headers{Single: map[string]string{"Authorization": "a"}, Multi: map[string][]string{"Authorization": nil}}, []string{"a"}},
	} {
		for range 20 { // whatever the order of a map
			if got := c.headers.Values("Authorization"); !slices.Equal(got, c.want) {
				t.Errorf("%+v: %q, want %q", c.headers, got, c.want)
			}
		}
	}
}

func TestSubprotocols(t *testing.T) {
	const name = "sec-websocket-protocol"
	for _, c := range []struct {
		headers handshake.Headers
		want    []string
	}{
		{handshake.Headers{}, nil},
		{handshake.Headers{Single: map[string]string{name: ""}}, nil},
		{handshake.Headers{Single: map[string]string{name: " , ,"}}, nil},
		{handshake.Headers{Single: map[string]string{name: "streamer.v1"}}, []string{"streamer.v1"}},
		{handshake.Headers{Single: map[string]string{name: "a,b ,\tc"}}, []string{"a", "b", "c"}},
		{handshake.Headers{Single: map[string]string{name: "c"}, Multi: map[string][]string{name: {"a, b", "c"}}}, []string{"a", "b", "c"}},
	} {
		if got := c.headers.Subprotocols(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.headers, got, c.want)
		}
	}
}
