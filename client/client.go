package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// writeTimeout is how long the network may take to accept a message, which has at most
// 28 KiB, before the connection counts as lost.
const writeTimeout = 10 * time.Second

// Client is one connection to a stage. It is safe for concurrent use.
type Client struct {
	conn     *websocket.Conn
	http     *http.Client
	log      *slog.Logger
	patience time.Duration // how long an answer may take
	name     string        // what the ids of this client's messages begin with

	done    chan struct{} // closed once the connection has ended
	running sync.WaitGroup
	close   sync.Once

	mu       sync.Mutex
	sent     int
	ended    error                     // why the connection ended
	asks     map[string]*ask           // messages that wait for their answer, by their ids
	mishaps  []string                  // errors of API Gateway's that no message is known for
	requests map[string]*request       // requests that are followed and have not ended, by their ids
	early    map[string]protocol.Frame // the newest frames of requests that no answer has named yet, by their ids
}

// start begins to read and to ping, until the connection ends.
func (c *Client) start(ctx context.Context, every time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	c.running.Go(func() {
		defer cancel()
		c.end(c.read(ctx))
	})
	c.running.Go(func() { c.keepAlive(ctx, every) })
}

// Close ends the connection and waits until nothing of it is left, some seconds at most
// if the other side does not answer. What still waits fails with ErrDisconnected;
// accepted requests go on. The error is always nil, also the second time.
func (c *Client) Close() error {
	c.close.Do(func() {
		c.end(net.ErrClosed)
		_ = c.conn.Close(websocket.StatusNormalClosure, "") // it may have ended already
	})
	c.running.Wait()
	return nil
}

// Done is closed once the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// end tells everyone who waits that the connection has ended; the first cause stays.
func (c *Client) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return
	}
	c.ended = fmt.Errorf("%w: %w", ErrDisconnected, cause)
	for _, r := range c.requests {
		r.lose(c.ended)
	}
	clear(c.requests)
	close(c.done)
}

// read takes what comes until the connection ends, and returns why it did.
func (c *Client) read(ctx context.Context) error {
	defer func() { _ = c.conn.CloseNow() }() // its error tells nothing new
	for {
		kind, message, err := c.conn.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			c.log.WarnContext(ctx, "a binary message was ignored")
			continue
		}
		c.receive(ctx, message)
	}
}

// receive takes one message, whatever it is.
func (c *Client) receive(ctx context.Context, message []byte) {
	message = bytes.TrimSpace(message)
	if len(message) == 0 {
		return // what API Gateway makes of an answer without a body
	}
	frame, err := protocol.DecodeFrame(message)
	switch {
	case err == nil:
		c.take(frame)
	case gatewayError(message) != "":
		c.log.WarnContext(ctx, "API Gateway reports an error", "message", gatewayError(message))
		c.mishap(gatewayError(message))
	default:
		c.log.WarnContext(ctx, "a message that is no frame was ignored", "error", err)
	}
}

// gatewayError is what API Gateway says when it, and not Streamer, answers a message;
// empty if this is something else.
func gatewayError(message []byte) string {
	var own struct {
		Message      string
		ConnectionID string
	}
	if json.Unmarshal(message, &own) != nil || own.ConnectionID == "" {
		return ""
	}
	return own.Message
}

// write sends a message. The caller's context does not interrupt it: half a message
// would end the connection for everyone.
func (c *Client) write(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := c.conn.Write(ctx, websocket.MessageText, message); err != nil {
		c.end(err)
		_ = c.conn.CloseNow() // ends the reading too
		return c.why()
	}
	return nil
}

// why is the error of a connection that has ended.
func (c *Client) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// keepAlive pings until the connection ends, and ends it if nobody answers: a network
// that is gone does not say so.
func (c *Client) keepAlive(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, err := c.ask(ctx, protocol.Message{Action: protocol.ActionPing}, false)
		switch {
		case errors.Is(err, ErrNoAnswer):
			c.end(err)
			_ = c.conn.CloseNow() // ends the reading too
		case err != nil && ctx.Err() == nil:
			c.log.WarnContext(ctx, "a ping was refused", "error", err)
		}
	}
}
