package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// handshake opens a connection in each way that carries a token, and in some that must
// not open one.
func handshake(ctx context.Context, s *stage) (answer, error) {
	query := func(token string) string { return s.socket + "?token=" + url.QueryEscape(token) }
	bearer := protocol.SubprotocolBearer + s.token
	a := answer{agrees: true}
	var seen []string
	for _, way := range []struct {
		name, address string
		options       websocket.DialOptions
		opens         bool
	}{
		{"query", query(s.token), websocket.DialOptions{}, true},
		{"header", s.socket, websocket.DialOptions{HTTPHeader: s.header()}, true},
		{"subprotocol", s.socket, websocket.DialOptions{Subprotocols: []string{protocol.Subprotocol, bearer}}, true},
		{"no token", s.socket, websocket.DialOptions{}, false},
		{"bad token", query(s.token[:len(s.token)-8] + "AAAAAAAA"), websocket.DialOptions{}, false},
		{"two tokens", query(s.token), websocket.DialOptions{HTTPHeader: s.header()}, false},
	} {
		c, err := dial(ctx, way.address, &way.options)
		refused, isRefused := errors.AsType[*refusedError](err)
		switch {
		case err == nil:
			seen = append(seen, fmt.Sprintf("%s: open, subprotocol %q", way.name, c.Subprotocol()))
			chosen := ""
			if len(way.options.Subprotocols) > 0 {
				chosen = protocol.Subprotocol
			}
			_, pinged := c.ask(ctx, protocol.Message{Action: protocol.ActionPing, ID: "p"})
			_ = c.CloseNow()
			if pinged != nil {
				return a, fmt.Errorf("%s: ping: %w", way.name, pinged)
			}
			a.agrees = a.agrees && way.opens && c.Subprotocol() == chosen
		case isRefused:
			seen = append(seen, fmt.Sprintf("%s: %d", way.name, refused.status))
			forbidden := refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden
			a.agrees = a.agrees && !way.opens && forbidden
		default:
			return a, fmt.Errorf("%s: %w", way.name, err)
		}
	}
	a.seen = strings.Join(seen, "; ")
	return a, nil
}
