// Package handshake reads the headers of a WebSocket handshake, for the authorizer and
// the router alike.
package handshake

import "strings"

// HeaderSubprotocol is where a client offers its subprotocols and where the server names
// the one it takes.
const HeaderSubprotocol = "Sec-WebSocket-Protocol"

// Header finds a header whatever the case of its name: API Gateway keeps the client's.
func Header(headers map[string]string, name string) string {
	for k, v := range headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// Subprotocols splits what a client offers.
func Subprotocols(headers map[string]string) []string {
	var out []string
	for p := range strings.SplitSeq(Header(headers, HeaderSubprotocol), ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
