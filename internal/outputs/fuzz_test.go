package outputs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

// FuzzRead: a file is refused, or it has a stack with a WebSocket's URL.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`{"Streamer":{"WebSocketUrl":"wss://a"}}`, `{"a":{},"b":{"WebSocketUrl":""}}`, `{"a":null}`, `null`, `[]`, `{"a":{"WebSocketUrl":1}}`, `{"Streamer":{"WebSocketUrl":"wss://a"}}x`,
	} {
		f.Add([]byte(text))
	}
	file := filepath.Join(f.TempDir(), "outputs.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		stack, err := outputs.Read(file)
		if err != nil {
			return
		}
		if url, err := stack.Need(contract.OutputWebSocketURL); err != nil || url == "" {
			t.Errorf("%q gives %+v, %v", text, stack, err)
		}
	})
}
