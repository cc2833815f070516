package front

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/pay-theory/streamer/protocol"
)

// Limits are those of one WebSocket, in bytes and milliseconds. Zero is API Gateway's own
// (API Gateway developer guide, "Quotas for configuring and running a WebSocket API" and
// "Quotas for configuring and running an API in API Gateway").
type Limits struct {
	// Match picks the connections that these limits are for: a text in the URL of their
	// handshake. Empty is every one that no other limits are for.
	Match string `json:"match,omitempty"`
	// Frame and Message are the largest that a client may send; a larger one closes the
	// connection with 1009.
	Frame   int `json:"frame,omitempty"`
	Message int `json:"message,omitempty"`
	// IdleMS is how long neither side may send a message, LifetimeMS how long the
	// connection may last; then it is closed with 1001.
	IdleMS     int64 `json:"idle_ms,omitempty"`
	LifetimeMS int64 `json:"lifetime_ms,omitempty"`
	// Rate is how many messages a client may send each second, Burst how many at once. One
	// more is answered with "Too Many Requests", and the connection stays. API Gateway
	// counts what all clients of an account and Region send.
	Rate  int `json:"rate,omitempty"`
	Burst int `json:"burst,omitempty"`
}

// API Gateway's limits.
const (
	maxFrame    = protocol.MaxFrame
	maxMessage  = 128 << 10
	maxIdle     = protocol.MaxIdle
	maxLifetime = protocol.MaxLifetime
	maxRate     = 10_000
	maxBurst    = 5_000
	// maxPost is the most that PostToConnection takes.
	maxPost = 128 << 10
)

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		v    *int
		most int
	}{{&l.Frame, maxFrame}, {&l.Message, maxMessage}, {&l.Rate, maxRate}, {&l.Burst, maxBurst}} {
		if *d.v == 0 {
			*d.v = d.most
		}
	}
	if l.IdleMS == 0 {
		l.IdleMS = maxIdle.Milliseconds()
	}
	if l.LifetimeMS == 0 {
		l.LifetimeMS = maxLifetime.Milliseconds()
	}
	return l
}

func (l Limits) validate() error {
	if min(int64(l.Frame), int64(l.Message), l.IdleMS, l.LifetimeMS, int64(l.Rate), int64(l.Burst)) < 0 {
		return fmt.Errorf("limits for %q: less than zero", l.Match)
	}
	return nil
}

// limitTable has the limits of the connections to come; its zero value is API Gateway's.
type limitTable struct {
	mu   sync.Mutex
	list []Limits
}

// of returns the limits of a connection with that handshake.
func (t *limitTable) of(uri string) Limits {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found Limits
	for _, l := range t.list {
		if strings.Contains(uri, l.Match) && len(l.Match) >= len(found.Match) {
			found = l
		}
	}
	return found.withDefaults()
}

// servePut adds limits, in the place of those with the same Match.
func (t *limitTable) servePut(w http.ResponseWriter, r *http.Request) {
	var l Limits
	err := decode(r.Body, &l)
	if err == nil {
		err = l.validate()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.list {
		if t.list[i].Match == l.Match {
			t.list[i] = l
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	t.list = append(t.list, l)
	w.WriteHeader(http.StatusNoContent)
}

func (t *limitTable) serveClear(w http.ResponseWriter, _ *http.Request) {
	t.mu.Lock()
	t.list = nil
	t.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// limitPosts answers 413 to what is too large for a post. The body's length stands in the
// call, as signatures demand.
func limitPosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if op, ok := connectionOperation(r); ok && op == "PostToConnection" && r.ContentLength > maxPost {
			refuse(w, "execute-api", failure{http.StatusRequestEntityTooLarge, "PayloadTooLargeException"})
			return
		}
		next.ServeHTTP(w, r)
	})
}
