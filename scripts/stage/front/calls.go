package front

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"
)

// counter counts calls by name; its zero value is ready.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[name]++
}

func (c *counter) snapshot() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		return map[string]int{}
	}
	return maps.Clone(c.calls)
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = nil
}

// serve writes the counts as one JSON object, its keys sorted.
func (c *counter) serve(w http.ResponseWriter, _ *http.Request) {
	body, err := json.MarshalIndent(c.snapshot(), "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "%s\n", body)
}

func (c *counter) serveReset(w http.ResponseWriter, _ *http.Request) {
	c.reset()
	w.WriteHeader(http.StatusNoContent)
}

// Calls returns how many AWS calls came by since the start or the last reset, by
// service and operation: "dynamodb.PutItem", "sqs.SendMessage", "s3.GetObject",
// "execute-api.PostToConnection". Where the operation cannot be told without
// reading a body it is "<service>.other", and "other" for what names no service.
// A call is counted when it arrives, whatever becomes of it; WebSocket messages
// are not calls.
func (f *Front) Calls() map[string]int { return f.calls.snapshot() }

func (f *Front) countCalls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.calls.add(operation(r))
		next.ServeHTTP(w, r)
	})
}
