// Package handshake reads the headers of a WebSocket handshake, for the authorizer and
// the router alike.
package handshake

import (
	"maps"
	"slices"
	"strings"
)

// HeaderSubprotocol is where a client offers its subprotocols and where the server names
// the one it takes.
const HeaderSubprotocol = "Sec-WebSocket-Protocol"

// Headers are those of a handshake as API Gateway gives them: the last value of each
// name, and all of them.
type Headers struct {
	Single map[string]string
	Multi  map[string][]string
}

// Values lists all that was sent under a name, whatever its case: API Gateway keeps the
// client's.
func (h Headers) Values(name string) []string {
	var values []string
	for _, k := range slices.Sorted(maps.Keys(h.Multi)) {
		if strings.EqualFold(k, name) {
			values = append(values, h.Multi[k]...)
		}
	}
	if len(values) > 0 {
		return values
	}
	for _, k := range slices.Sorted(maps.Keys(h.Single)) {
		if strings.EqualFold(k, name) {
			values = append(values, h.Single[k])
		}
	}
	return values
}

// Subprotocols lists what a client offers, in one header or over several.
func (h Headers) Subprotocols() []string {
	var out []string
	for _, value := range h.Values(HeaderSubprotocol) {
		for p := range strings.SplitSeq(value, ",") {
			if p = strings.TrimSpace(p); p != "" {
				out = append(out, p)
			}
		}
	}
	return out
}
