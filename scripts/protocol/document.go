package main

import (
	"bytes"
	"encoding/json"
	"regexp"

	"github.com/google/jsonschema-go/jsonschema"
)

// document is the JSON Schema of everything that travels: a message, or a frame.
func (w *wire) document() ([]byte, error) {
	root := &jsonschema.Schema{
		Schema:      "https://json-schema.org/draft/2020-12/schema",
		Title:       "Streamer",
		Description: "What travels on the WebSocket: a message from a client, or a frame from the server. Made by scripts/protocol from the Go sources.",
		AnyOf:       []*jsonschema.Schema{ref("Message")},
		Defs:        w.defs,
		Extra:       map[string]any{"x-limits": w.limitsByName()},
	}
	for _, m := range w.messages {
		root.AnyOf = append(root.AnyOf, ref(m.name))
	}
	root.AnyOf = append(root.AnyOf, ref("Frame"))
	return pretty(root)
}

// described is a number with what it is.
type described struct {
	Value       int64  `json:"value"`
	Description string `json:"description"`
}

func (w *wire) limitsByName() map[string]described {
	limits := map[string]described{}
	for _, l := range w.limits {
		limits[l.name] = described{l.value, l.description}
	}
	return limits
}

// escape is a character that encoding/json hides from HTML, or a backslash that hides what
// follows it.
var escape = regexp.MustCompile(`\\(\\|u003c|u003e|u0026)`)

// pretty is JSON for people.
func pretty(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	text = escape.ReplaceAllFunc(text, func(hidden []byte) []byte {
		switch string(hidden) {
		case `\u003c`:
			return []byte("<")
		case `\u003e`:
			return []byte(">")
		case `\u0026`:
			return []byte("&")
		}
		return hidden
	})
	var lines bytes.Buffer
	if err := json.Indent(&lines, text, "", "  "); err != nil {
		return nil, err
	}
	lines.WriteByte('\n')
	return lines.Bytes(), nil
}
