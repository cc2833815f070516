package authorizer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pay-theory/streamer/internal/clock"
)

// keySource finds the keys that may have signed a token.
type keySource interface {
	find(ctx context.Context, w wanted) ([]key, error)
}

// wanted is what a token's header says of its key.
type wanted struct {
	id    string
	named bool // there is an id
	alg   string
}

// errUnknownKey says that the issuer may have made a new key.
var errUnknownKey = errors.New("the issuer has no such key")

// among picks the keys that fit: those of the id, or for a token without one the only key
// of its algorithm. (Where there are several, a token must name its own: OpenID Connect
// Core, 10.1.)
func (w wanted) among(keys []key) ([]key, error) {
	var same, fit []key
	for _, k := range keys {
		if !w.named || k.id == w.id {
			same = append(same, k)
			if slices.Contains(k.algorithms, w.alg) {
				fit = append(fit, k)
			}
		}
	}
	switch {
	case len(same) == 0:
		return nil, fmt.Errorf("%w: kid %.100q", errUnknownKey, w.id)
	case len(fit) == 0:
		return nil, fmt.Errorf("the key is not for %s", w.alg)
	case !w.named && len(fit) > 1:
		return nil, errors.New("the token names no key, and the issuer has several for it")
	}
	return fit, nil
}

// fixedKeys are part of the configuration.
type fixedKeys []key

func (f fixedKeys) find(_ context.Context, w wanted) ([]key, error) { return w.among(f) }

// How cached keys age. Lambda stops a process between invocations, so nothing happens
// but when a token comes.
const (
	// keysFresh is how long keys are used without asking again: a key that the issuer
	// withdraws is trusted no longer than that while it answers.
	keysFresh = time.Hour
	// keysLast is how long the last good keys are used while the issuer does not answer.
	keysLast = 24 * time.Hour
	// fetchPause is the least time between two fetches, whatever tokens come, and
	// firstPause that while there are no keys at all.
	fetchPause = 30 * time.Second
	firstPause = 5 * time.Second
)

// cachedKeys are the issuer's, fetched when they are needed.
type cachedKeys struct {
	fetch    func(context.Context) ([]key, error)
	clock    clock.Clock
	log      *slog.Logger
	last     atomic.Pointer[attempt]
	fetching sync.Mutex
}

// attempt is what is known after a fetch, a failed one too.
type attempt struct {
	at   time.Time
	err  error
	keys []key     // the last good ones
	good time.Time // when they came
}

func newCachedKeys(fetch func(context.Context) ([]key, error), c clock.Clock, log *slog.Logger) *cachedKeys {
	k := &cachedKeys{fetch: fetch, clock: c, log: log}
	k.last.Store(&attempt{})
	return k
}

// now is by the wall clock: the monotonic one may stand still while Lambda has stopped
// the process.
func (c *cachedKeys) now() time.Time { return c.clock.Now().Round(0) }

func (c *cachedKeys) find(ctx context.Context, w wanted) ([]key, error) {
	known := c.last.Load()
	found, err := w.among(known.keys)
	if errors.Is(err, errUnknownKey) || c.now().Sub(known.good) >= keysFresh {
		known = c.refresh(ctx)
		found, err = w.among(known.keys)
	}
	switch {
	case c.now().Sub(known.good) >= keysLast, known.err != nil && errors.Is(err, errUnknownKey):
		return nil, fmt.Errorf("%w: %w", errNoKeys, known.err)
	case err != nil:
		return nil, err
	}
	return found, nil
}

// refresh fetches the keys anew, unless that was tried just before. It returns what is
// known then. Who waited for another's fetch finds that it was just before.
func (c *cachedKeys) refresh(ctx context.Context) *attempt {
	c.fetching.Lock()
	defer c.fetching.Unlock()
	known, now := c.last.Load(), c.now()
	pause := fetchPause
	if len(known.keys) == 0 {
		pause = firstPause
	}
	if now.Sub(known.at) < pause {
		return known
	}
	next := &attempt{at: now, keys: known.keys, good: known.good}
	if keys, err := c.fetch(ctx); err != nil {
		next.err = err
		c.log.ErrorContext(ctx, "keys not fetched", "error", err, "age_s", int(now.Sub(known.good).Seconds()))
	} else {
		next.keys, next.good = keys, now
	}
	c.last.Store(next)
	return next
}
