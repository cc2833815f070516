package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// maxRefused is how many handshakes in a row may be refused as not retryable, each with
// another token, before the client ends.
const maxRefused = 10

var (
	// errSameToken: there is no fresher token than that of the connection, and nothing
	// else to replace it for.
	errSameToken = errors.New("there is no fresh token yet")
	// errReplaced: a connection ended as another has taken its place.
	errReplaced = errors.New("replaced")
)

// hopeless is an error that ends the client: no later attempt would fare better.
type hopeless struct{ error }

// Unwrap returns why.
func (h hopeless) Unwrap() error { return h.error }

// cause is an error without the mark that it is hopeless.
func cause(err error) error {
	if h, ok := errors.AsType[hopeless](err); ok {
		return h.error
	}
	return err
}

// refused is what became of the last handshakes, if they were refused as not retryable.
type refused struct {
	token string
	times int
	err   error
}

// keep keeps the client connected until it ends: it opens the next connection when one has
// ended, and before one would.
func (c *Client) keep(ctx context.Context, connected bool) {
	if connected && !c.attend(ctx) {
		return
	}
	for {
		c.dials()
		conn, err := c.open(ctx)
		switch {
		case err == nil:
			if !c.adopt(conn) {
				return
			}
		case errors.Is(err, errSameToken):
			c.renewLater()
		default:
			if c.failed(err) || !c.pause(ctx) {
				return
			}
			continue
		}
		if !c.attend(ctx) {
			return
		}
	}
}

// open gets a token and makes a handshake with it.
func (c *Client) open(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timing.handshake)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		said, ok := errors.AsType[*Error](err)
		if err = fmt.Errorf("connect to %s: %w", c.place(), err); ok && !said.Retryable {
			return nil, hopeless{err}
		}
		return nil, err
	}
	if err := c.worthwhile(token); err != nil {
		return nil, err
	}
	ws, err := c.shake(ctx, token)
	if err := c.judge(token, err); err != nil {
		return nil, err
	}
	now := c.now()
	conn := &connection{
		ws: ws, token: token, heard: now, oldAt: now.Add(c.timing.lifetime()),
		done: make(chan struct{}), alive: make(chan struct{}, 1), stale: make(chan struct{}),
	}
	if left := expiry(token).Sub(now); left > 0 { // else it does not say, or one clock is wrong
		conn.renewAt = now.Add(max(left-min(c.timing.tokenMargin, left/5), c.timing.backoff))
	}
	return conn, nil
}

// worthwhile tells whether a handshake with a token may bring anything.
func (c *Client) worthwhile(token string) error {
	if c.refused.err != nil && c.refused.token == token {
		return hopeless{c.refused.err}
	}
	if conn := c.live(); conn != nil && conn.token == token && !conn.isStale() && c.now().Before(conn.oldAt) {
		return errSameToken
	}
	return nil
}

// judge is what to make of a handshake's error. Another token may help where one was
// refused, so that is hopeless only in the long run.
func (c *Client) judge(token string, err error) error {
	answer, ok := errors.AsType[*HandshakeError](err)
	if !ok || answer.Retryable() {
		c.refused = refused{}
		return err
	}
	c.refused = refused{token: token, times: c.refused.times + 1, err: err}
	if c.refused.times >= maxRefused {
		return hopeless{err}
	}
	return err
}

// adopt has messages go out on a connection from now on, and reports whether the client
// still wants it. The one before stays until nobody waits for anything on it.
func (c *Client) adopt(conn *connection) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		_ = conn.ws.CloseNow() // its error tells nothing new
		return false
	}
	c.retire(c.previous, errReplaced)
	previous := c.current
	c.previous, c.current, c.dialing = previous, conn, false
	c.log.Info("connected")
	c.show(nil)
	c.tell()
	c.spawn(func(ctx context.Context) { c.read(context.WithoutCancel(ctx), conn) }) // until the connection ends
	c.spawn(func(ctx context.Context) { c.watch(ctx, conn) })
	c.resubscribeAll()
	if previous != nil {
		c.spawn(func(context.Context) { c.handOver(previous) })
		c.relieve()
	}
	return true
}

// handOver ends what is left of a connection once its successor had time to take over.
func (c *Client) handOver(previous *connection) {
	most := time.NewTimer(c.timing.handover)
	defer most.Stop()
	select {
	case <-most.C:
	case <-previous.done:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retire(previous, errReplaced)
}

// relieve ends the connection before the current one once nobody waits for an answer on
// it, and every request is followed on the current one. The caller holds the lock.
func (c *Client) relieve() {
	if c.previous == nil {
		return
	}
	for _, a := range c.asks {
		if a.on == c.previous || a.subscribes() {
			return
		}
	}
	c.retire(c.previous, errReplaced)
}

// retire ends a connection in order; nil is none. The caller holds the lock.
func (c *Client) retire(conn *connection, cause error) {
	if conn == nil || conn.err != nil {
		return
	}
	c.drop(conn, cause)
	c.running.Go(func() { _ = conn.ws.Close(websocket.StatusNormalClosure, "") }) // it may have ended already
}

// lose takes note of a connection that has ended; the first cause stays.
func (c *Client) lose(conn *connection, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn.err == nil {
		c.drop(conn, err)
	}
}

// drop is lose for who holds the lock.
func (c *Client) drop(conn *connection, err error) {
	conn.err = err
	close(conn.done)
	if conn == c.previous {
		c.previous = nil
	}
	if conn == c.current {
		c.current = nil
		c.log.Info("disconnected", "error", err)
		c.show(err)
	}
}

// live is the connection that messages go out on, nil if there is none.
func (c *Client) live() *connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// dials says that a handshake is under way.
func (c *Client) dials() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = true
	c.show(nil)
}

// failed takes note of a handshake that failed, and reports whether the client ended with
// it.
func (c *Client) failed(err error) bool {
	_, end := errors.AsType[hopeless](err)
	err = cause(err)
	c.mu.Lock()
	c.dialing = false
	c.show(err)
	if left, ok := c.left(); ok && left <= 0 {
		end = true
	}
	c.mu.Unlock()
	if end {
		c.end(err)
	} else {
		c.log.Info("not connected", "error", err)
	}
	return end
}

// left is how long the client goes on without a connection; ok is false while it has one,
// or if it never gives up. The caller holds the lock.
func (c *Client) left() (left time.Duration, ok bool) {
	return c.options.GiveUpAfter - time.Since(c.state.Since), c.options.GiveUpAfter > 0 && c.current == nil
}

// attend waits until it is time to open the next connection, and reports whether it will
// be. It looks at the wall clock now and then, as timers stand still while the machine
// sleeps.
func (c *Client) attend(ctx context.Context) bool {
	for {
		conn := c.live()
		if conn == nil {
			return c.pause(ctx)
		}
		due := conn.oldAt
		if !conn.renewAt.IsZero() && conn.renewAt.Before(due) {
			due = conn.renewAt
		}
		left := due.Round(0).Sub(c.now().Round(0))
		if left <= 0 {
			return true
		}
		look := time.NewTimer(min(left, c.timing.busyPing))
		select {
		case <-look.C:
		case <-conn.done:
		case <-conn.stale:
			look.Stop()
			return c.again() == 0 || c.pause(ctx)
		}
		look.Stop()
	}
}

// renewLater looks for a fresh token again when half of what is left of the last has
// passed.
func (c *Client) renewLater() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing = false // nor was there a handshake
	c.show(nil)
	conn := c.current
	if conn == nil {
		return
	}
	now := c.now()
	conn.renewAt = time.Time{}
	if left := expiry(conn.token).Sub(now); left > 0 {
		conn.renewAt = now.Add(max(left/2, c.timing.backoff))
	}
}

// pause waits before the next attempt, and reports whether there will be one.
func (c *Client) pause(ctx context.Context) bool {
	wait := c.timing.wait(c.again())
	c.mu.Lock()
	if left, ok := c.left(); ok {
		wait = min(wait, left)
	}
	c.mu.Unlock()
	return c.sleep(ctx, wait) == nil
}

// again counts an attempt to connect, and returns how many there were before, since
// something came that shows that the stage is there.
func (c *Client) again() (before int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	return c.failures - 1
}

// sleep waits, unless ctx or the client ends.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.why()
	}
}
