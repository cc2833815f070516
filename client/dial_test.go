package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2ln-_"

func TestTokensTravel(t *testing.T) {
	for name, c := range map[string]struct {
		in                               TokenIn
		authorization, protocols, rawURL string
	}{
		"in the header":   {InHeader, "Bearer " + token, "streamer.v1", "/v1?a=b"},
		"as subprotocol":  {InSubprotocol, "", "streamer.v1,streamer.bearer." + token, "/v1?a=b"},
		"in the query":    {InQuery, "", "streamer.v1", "/v1?a=b&token=" + token},
		"in none, absent": {InSubprotocol, "", "streamer.v1", "/v1?a=b"},
	} {
		t.Run(name, func(t *testing.T) {
			var got http.Request
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got = *r
				conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
				if err != nil {
					t.Error(err)
					return
				}
				_, _, _ = conn.Read(r.Context()) // until the client closes
			}))
			defer server.Close()
			o := &Options{TokenIn: c.in}
			if !strings.Contains(name, "absent") {
				o.Token = StaticToken(token)
			}
			client := connect(t, server.URL+"/v1?a=b", o)
			defer client.Close()
			if chosen := client.live().ws.Subprotocol(); chosen != protocol.Subprotocol {
				t.Errorf("the subprotocol is %q", chosen)
			}
			protocols := strings.Join(got.Header.Values("Sec-WebSocket-Protocol"), ",")
			if got.Header.Get("Authorization") != c.authorization || protocols != c.protocols || got.URL.String() != c.rawURL {
				t.Errorf("got %q, %q, %q", got.Header.Get("Authorization"), protocols, got.URL)
			}
		})
	}
}

func TestRefusedHandshakes(t *testing.T) {
	for status, want := range map[int]string{
		401: "the token is missing, not valid for this stage, or has run out: give a fresh one",
		403: "or the address's path names no stage",
		404: "nothing speaks WebSocket there",
		429: "too many connect at once: try again in a moment",
		503: "the stage cannot take connections now",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			defer server.Close()
			_, err := Dial(t.Context(), server.URL+"/v1", &Options{Token: StaticToken(token), TokenIn: InQuery})
			refused, ok := errors.AsType[*HandshakeError](err)
			if !ok || refused.Status != status || refused.Retryable() != (status == 429 || status == 503) {
				t.Fatalf("got %v", err)
			}
			if line := err.Error(); !strings.HasPrefix(line, fmt.Sprintf("connect to %s/v1: refused with status %d: ", server.URL, status)) || !strings.Contains(line, want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestDialFails(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		token   func(context.Context) (string, error)
		want    string
	}{
		"no address":      {"", StaticToken(token), "connect: the address is none of a WebSocket"},
		"no URL":          {"ws://a b/" + token, StaticToken(token), "connect: the address is no URL: invalid character"},
		"nobody there":    {"ws://127.0.0.1:1/v1", StaticToken(token), "connect to ws://127.0.0.1:1/v1: dial tcp 127.0.0.1:1"},
		"no JWT":          {"ws://127.0.0.1:1/v1", StaticToken(token + "\n"), "connect to ws://127.0.0.1:1/v1: UNAUTHENTICATED: the token is no JWT"},
		"no token to get": {"ws://127.0.0.1:1/v1", func(context.Context) (string, error) { return "", errors.New("signed out") }, "connect to ws://127.0.0.1:1/v1: get a token: signed out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Dial(t.Context(), c.address, &Options{Token: c.token, TokenIn: InQuery})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), token) {
				t.Errorf("got %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, "ws://127.0.0.1:1/v1", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
