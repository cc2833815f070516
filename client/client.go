package client

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// Client is a stage, however often the connection to it changes. It is safe for concurrent
// use.
type Client struct {
	options Options
	timing  timing
	log     *slog.Logger
	now     func() time.Time
	address *url.URL
	name    string // what the ids of this client's messages begin with

	done    chan struct{} // closed once the client has ended
	stop    context.CancelFunc
	running sync.WaitGroup
	spawn   func(func(context.Context)) // runs something until the client ends
	refused refused                     // for the goroutine alone that connects

	mu       sync.Mutex
	sent     int
	ended    error                     // why the client has ended
	asks     map[string]*ask           // messages that wait for their answer, by their ids
	requests map[string]*request       // requests that are followed and have not ended, by their ids
	early    map[string]protocol.Frame // the newest frames of requests that no answer has named yet, by their ids

	current  *connection // that messages go out on
	previous *connection // that it has replaced, until nobody waits for anything on it
	dialing  bool
	failures int // to connect, since anything came
	state    State
	version  int           // counts the changes of state
	changed  chan struct{} // closed when state or current changes
}

// start begins to connect, until the client ends. The first connection may be there
// already.
func (c *Client) start(ctx context.Context, conn *connection) {
	ctx, c.stop = context.WithCancel(ctx)
	c.spawn = func(run func(context.Context)) { c.running.Go(func() { run(ctx) }) }
	if conn != nil {
		c.adopt(conn)
	}
	c.spawn(func(ctx context.Context) { c.keep(ctx, conn != nil) })
}

// Close ends the client and waits until nothing of it is left, some seconds at most if the
// other side does not answer. What still waits fails with ErrDisconnected; accepted
// requests go on. The error is always nil, also the second time.
func (c *Client) Close() error {
	c.end(net.ErrClosed)
	c.running.Wait()
	return nil
}

// Done is closed once the client has ended: by Close, or because it cannot, or may not,
// connect any more. The State says which.
func (c *Client) Done() <-chan struct{} { return c.done }

// end tells everyone who waits that nothing will come any more; the first cause stays.
func (c *Client) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return
	}
	c.ended = fmt.Errorf("%w: %w", ErrDisconnected, cause)
	for _, r := range c.requests {
		r.lose(fmt.Errorf("%w; it goes on: watch it by its id with another client", c.ended))
	}
	clear(c.requests)
	c.show(nil)
	c.retire(c.previous, c.ended)
	c.retire(c.current, c.ended)
	close(c.done)
	c.stop()
}

// why is the error of a client that has ended.
func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// tell wakes whoever waits for a change. The caller holds the lock.
func (c *Client) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}
