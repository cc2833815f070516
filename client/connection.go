package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// writeTimeout is how long the network may take to accept a message, which has at most
// 28 KiB, before the connection counts as lost.
const writeTimeout = 10 * time.Second

// connection is one WebSocket from its handshake to its end. The client's lock guards what
// may change.
type connection struct {
	ws      *websocket.Conn
	token   string
	done    chan struct{} // closed once it has ended
	err     error         // why, once it has
	alive   chan struct{} // has something after each message that came
	stale   chan struct{} // closed once the stage says that its token has run out
	heard   time.Time     // when the last message came
	pinging bool
	mishaps []string // errors of API Gateway's that no message is known for

	// oldAt and renewAt are when it is to be replaced for its age, and when for its token
	// if there is a fresh one; renewAt is zero if the token does not run out.
	oldAt, renewAt time.Time
}

// expire says that the connection's token has run out. The client's lock is held.
func (conn *connection) expire() {
	if !conn.isStale() {
		close(conn.stale)
	}
}

func (conn *connection) isStale() bool {
	select {
	case <-conn.stale:
		return true
	default:
		return false
	}
}

// read takes what comes until the connection ends.
func (c *Client) read(ctx context.Context, conn *connection) {
	for {
		kind, message, err := conn.ws.Read(ctx)
		if err != nil {
			c.lose(conn, err)
			_ = conn.ws.CloseNow() // its error tells nothing new
			return
		}
		c.hear(conn)
		if kind != websocket.MessageText {
			c.log.WarnContext(ctx, "a binary message was ignored")
			continue
		}
		c.receive(ctx, conn, message)
	}
}

// hear notes that somebody is there.
func (c *Client) hear(conn *connection) {
	c.mu.Lock()
	conn.heard = c.now()
	c.mu.Unlock()
	select {
	case conn.alive <- struct{}{}:
	default:
	}
}

// receive takes one message, whatever it is.
func (c *Client) receive(ctx context.Context, conn *connection, message []byte) {
	message = bytes.TrimSpace(message)
	if len(message) == 0 {
		return // what API Gateway makes of an answer without a body
	}
	frame, err := protocol.DecodeFrame(message)
	switch {
	case err == nil:
		c.take(conn, frame)
	case gatewayError(message) != "":
		c.log.WarnContext(ctx, "API Gateway reports an error", "message", gatewayError(message))
		c.mishap(conn, gatewayError(message))
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

// write sends a message, and ends the connection if it cannot. The caller's context does
// not interrupt it: half a message would end the connection for everyone.
func (c *Client) write(ctx context.Context, conn *connection, message []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := conn.ws.Write(ctx, websocket.MessageText, message); err != nil {
		c.kill(conn, err)
	}
}

// kill ends a connection at once, without the other side, which may be gone.
func (c *Client) kill(conn *connection, cause error) {
	c.lose(conn, cause)
	_ = conn.ws.CloseNow() // ends the reading too
}

// watch pings when nothing came for a while, and ends a connection on which nobody
// answers: a network that is gone does not say so.
func (c *Client) watch(ctx context.Context, conn *connection) {
	look := time.NewTimer(c.timing.busyPing)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-conn.done:
			return
		}
		silent, busy := c.silence(conn)
		most := c.timing.ping
		if busy {
			most = c.timing.busyPing
		}
		next := c.timing.busyPing - silent%c.timing.busyPing
		switch {
		case silent >= c.timing.idle:
			c.kill(conn, fmt.Errorf("nothing came for %s, as if this machine slept", silent.Round(time.Second)))
		case silent >= most:
			c.ping(ctx, conn)
			next = c.timing.busyPing
		}
		look.Reset(next)
	}
}

// silence is how long nothing came on a connection, and whether anything is waited for.
// While the machine sleeps only the wall clock runs; the other cannot be set.
func (c *Client) silence(conn *connection) (silent time.Duration, busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	silent = max(now.Sub(conn.heard), now.Round(0).Sub(conn.heard.Round(0)))
	return silent, len(c.asks)+len(c.requests) > 0
}

// ping asks whether anybody is there, and ends the connection if not. Any message answers.
func (c *Client) ping(ctx context.Context, conn *connection) {
	select {
	case <-conn.alive: // from before
	default:
	}
	c.pinging(conn, true)
	defer c.pinging(conn, false)
	c.write(ctx, conn, []byte(`{"action":"`+protocol.ActionPing+`"}`))
	late := time.NewTimer(c.timing.pong)
	defer late.Stop()
	select {
	case <-conn.alive:
	case <-conn.done:
	case <-late.C:
		c.kill(conn, fmt.Errorf("a ping was not answered within %s", c.timing.pong))
	}
}

func (c *Client) pinging(conn *connection, pinging bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.pinging = pinging
	c.attribute(conn)
}
