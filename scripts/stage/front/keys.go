package front

import (
	"encoding/json"
	"net/http"
	"sync"
)

// KeysPath is where the stage's issuer publishes its keys.
const KeysPath = "/_front/jwks"

// keySet is what the stage's issuer publishes: its own key, or for a while the set that a
// test puts in its place, as if keys were rotated.
type keySet struct {
	own json.RawMessage
	mu  sync.Mutex
	put json.RawMessage
}

func (k *keySet) serveGet(w http.ResponseWriter, _ *http.Request) {
	k.mu.Lock()
	set := k.put
	k.mu.Unlock()
	if set == nil {
		set = k.own
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(set) // whoever asked and is gone needs none
}

func (k *keySet) servePut(w http.ResponseWriter, r *http.Request) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(r.Body).Decode(&set); err != nil {
		http.Error(w, "not a JSON Web Key Set: "+err.Error(), http.StatusBadRequest)
		return
	}
	text, err := json.Marshal(set)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	k.replace(text)
}

func (k *keySet) serveDelete(http.ResponseWriter, *http.Request) { k.replace(nil) }

func (k *keySet) replace(set json.RawMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put = set
}
