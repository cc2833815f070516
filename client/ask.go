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

const (
	// maxRefusals is how often a message is sent that is refused as one that may be sent
	// again.
	maxRefusals = 5
	// gatewayFailures: the wait after an error of API Gateway's own is as after so many
	// failures at least.
	gatewayFailures = 3
)

// ask is a message that waits for its answer, over any number of connections.
type ask struct {
	message protocol.Message
	follows bool // the request that it begins, or names, is to be followed
	// stubborn says that it is sent however often it is refused as one that may be sent
	// again.
	stubborn bool

	answered chan struct{} // closed once it is
	frame    protocol.Frame
	refused  chan refusal

	// The client's lock guards the rest.

	requestID string      // of the request whose end answers it
	request   *request    // that is followed for it
	on        *connection // where it was sent and may be answered
}

// refusal is a message that was refused, by the stage or by API Gateway.
type refusal struct {
	*Error
	gateway bool
	// throttled says that there were too many messages: only time can tell when not.
	throttled bool
}

func newAsk(m protocol.Message) *ask {
	return &ask{message: m, requestID: m.RequestID, answered: make(chan struct{}), refused: make(chan refusal, 1)}
}

// subscribes says that the message has its connection become a watcher.
func (a *ask) subscribes() bool { return a.message.Action == protocol.ActionSubscribe }

// ask sends a message until something answers it. A refusal is an *Error.
func (c *Client) ask(ctx context.Context, m protocol.Message) (protocol.Frame, error) {
	return c.send(ctx, newAsk(m))
}

// follow sends a message until something answers it, and follows the request that it
// begins or names.
func (c *Client) follow(ctx context.Context, m protocol.Message) (protocol.Frame, *request, error) {
	a := newAsk(m)
	a.follows = true
	f, err := c.send(ctx, a)
	if err != nil && a.request != nil {
		c.unfollow(a.request)
	}
	return f, a.request, err
}

func (c *Client) send(ctx context.Context, a *ask) (protocol.Frame, error) {
	f, err := c.exchange(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.message.Action, err)
	}
	return f, nil
}

// exchange sends a message until it is answered: again where the connection ended, where
// no answer came in time, and where it was refused as one that may be sent again.
func (c *Client) exchange(ctx context.Context, a *ask) (protocol.Frame, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := c.enter(a); err != nil {
		return nil, err
	}
	defer c.leave(a)
	message, err := encode(a.message)
	if err != nil {
		return nil, err
	}
	failures, refusals, tooBig := 0, 0, false
	for {
		conn := c.assign(ctx, a)
		if conn == nil {
			return c.outcome(ctx, a)
		}
		c.write(ctx, conn, message)
		pause := time.Duration(0)
		late := time.NewTimer(c.timing.answer)
		select {
		case <-late.C:
		case <-a.answered:
		case <-ctx.Done():
		case <-c.done:
		case r := <-a.refused:
			failures++
			if !r.throttled {
				refusals++
			}
			again := r.Retryable || r.Code == protocol.Unauthenticated
			if !again || refusals >= maxRefusals && !a.stubborn {
				return nil, r.Error
			}
			pause = c.waitAfter(r, failures)
		case <-conn.done:
			if websocket.CloseStatus(conn.err) == websocket.StatusMessageTooBig {
				if tooBig {
					return nil, tooLarge("the connection is closed over the message, which has %d bytes", len(message))
				}
				tooBig = true
			}
		}
		late.Stop()
		c.rest(ctx, a, pause)
	}
}

// after is how long a refusal asks to wait at least, within reason.
func (r refusal) after(most time.Duration) time.Duration {
	ms, _ := r.Details[protocol.DetailRetryAfter].(float64)
	return time.Duration(min(max(ms, 0), float64(most.Milliseconds()))) * time.Millisecond
}

// waitAfter is how long to wait after a refusal. Where the token had run out, that is for
// the next connection.
func (c *Client) waitAfter(r refusal, failures int) time.Duration {
	switch {
	case r.Code == protocol.Unauthenticated:
		return 0
	case r.gateway:
		return c.timing.wait(max(failures, gatewayFailures))
	}
	return r.after(c.timing.backoffMax) + c.timing.wait(failures)
}

// rest waits, unless the message is answered or nobody waits for that any more.
func (c *Client) rest(ctx context.Context, a *ask, d time.Duration) {
	if d == 0 {
		return
	}
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-a.answered:
	case <-ctx.Done():
	case <-c.done:
	}
}

// assign waits for a connection that a message can be sent on, and notes that it is. It
// returns nil if the message is answered, or nobody waits for that any more.
func (c *Client) assign(ctx context.Context, a *ask) *connection {
	for {
		c.mu.Lock()
		c.unassign(a)
		conn, changed := c.current, c.changed
		ready := conn != nil && !conn.isStale() && ctx.Err() == nil && a.frame == nil
		if ready {
			a.on = conn
		}
		c.mu.Unlock()
		if ready {
			return conn
		}
		select {
		case <-changed:
		case <-a.answered:
			return nil
		case <-ctx.Done():
			return nil
		case <-c.done:
			return nil
		}
	}
}

// outcome is what became of a message that is not sent again.
func (c *Client) outcome(ctx context.Context, a *ask) (protocol.Frame, error) {
	select {
	case <-a.answered: // the last thing that came
		return a.frame, nil
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, c.why()
}

// enter gives a message its id, and makes it one that waits.
func (c *Client) enter(a *ask) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return c.ended
	}
	c.register(a)
	return nil
}

// register is enter for who holds the lock.
func (c *Client) register(a *ask) {
	if a.message.ID == "" {
		c.sent++
		a.message.ID = fmt.Sprintf("%s-%d", c.name, c.sent)
		c.asks[a.message.ID] = a
	}
}

// leave ends the waiting. Frames that came early are kept only while some message may
// still turn out to be theirs.
func (c *Client) leave(a *ask) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unassign(a)
	delete(c.asks, a.message.ID)
	if !c.following() {
		clear(c.early)
	}
	c.relieve()
}

// unassign says that a message is not waited for on a connection any more. A mishap there
// may have been its own, so it is not held against another.
func (c *Client) unassign(a *ask) {
	if a.on != nil && len(a.on.mishaps) > 0 {
		a.on.mishaps = a.on.mishaps[1:]
	}
	a.on = nil
}

// encode writes a message. API Gateway closes the connection over one that is too large,
// so that is refused here.
func encode(m protocol.Message) ([]byte, error) {
	message, err := text(m)
	if err == nil && len(message) > protocol.MaxMessage {
		return nil, tooLarge("the message has %d bytes, the limit is %d", len(message), protocol.MaxMessage)
	}
	return message, err
}

func tooLarge(format string, args ...any) *Error {
	return &Error{Code: protocol.MessageTooLarge, Message: fmt.Sprintf(format, args...)}
}

// text is v as JSON, with no more escapes than JSON needs.
func text(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("payload is not JSON: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
