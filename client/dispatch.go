package client

import (
	"github.com/pay-theory/streamer/protocol"
)

// maxEarly is how many requests' frames are kept before an answer has named the request.
const maxEarly = 256

// take gives a frame to who waits for it. Only the reading goroutine calls it.
func (c *Client) take(f protocol.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return // whoever waited has been told
	}
	if e, ok := protocol.EventOf(f); ok {
		c.event(e, f)
		return
	}
	switch f := f.(type) {
	case protocol.Accepted:
		c.begin(f.ID, f.RequestID, f)
	case protocol.Subscribed:
		c.begin(f.ID, f.RequestID, f)
	case protocol.Response:
		c.answer(f.ID, answer{frame: f})
	case protocol.Request:
		c.answer(f.ID, answer{frame: f})
	case protocol.Pong:
		c.answer(f.ID, answer{frame: f})
	case protocol.Upload:
		c.answer(f.ID, answer{frame: f})
	case protocol.Error:
		if f.ID == "" {
			c.log.Warn("the stage refused a message without saying which", "code", f.Code, "message", f.Message)
		}
		c.answer(f.ID, answer{frame: f})
	default:
		c.log.Debug("a frame was ignored", "type", f.Type())
	}
}

// answer ends the waiting of a message; nobody may be waiting any more.
func (c *Client) answer(id string, got answer) {
	if a := c.asks[id]; a != nil {
		delete(c.asks, id)
		a.answer <- got
		c.attribute()
	}
}

// begin ends the waiting of a message whose answer names a request, and follows the
// request if that is what the message was for.
func (c *Client) begin(id, requestID string, f protocol.Frame) {
	got := answer{frame: f}
	if a := c.asks[id]; a != nil && a.follows {
		r := c.requests[requestID]
		if r == nil {
			r = newRequest(requestID)
			c.requests[requestID] = r
		}
		r.take(f)
		if early := c.early[requestID]; early != nil {
			c.advance(r, early)
		}
		got.request = r
	}
	c.answer(id, got)
}

// event brings a request on. Its frames may come before the answer to the message that
// it is followed for. If the message began the request, the ref tells; if it named it, or
// its idempotency key did, only the answer will, and the newest frame is kept until then.
func (c *Client) event(e protocol.Event, f protocol.Frame) {
	if a := c.asks[e.Ref]; a != nil && c.requests[e.RequestID] == nil {
		c.begin(e.Ref, e.RequestID, f)
	}
	if r := c.requests[e.RequestID]; r != nil {
		c.advance(r, f)
	} else if c.following() {
		c.keep(e, f)
	}
	if f.Type() != protocol.TypeCancelled {
		return
	}
	for id, a := range c.asks { // it answers, without an id, the cancelling of a request that waits
		if a.message.Action == protocol.ActionCancel && a.message.RequestID == e.RequestID {
			c.answer(id, answer{frame: f})
		}
	}
}

// advance brings a request on, and forgets it once it has ended.
func (c *Client) advance(r *request, f protocol.Frame) {
	r.take(f)
	if f.Type().Terminal() {
		delete(c.requests, r.id)
	}
}

// keep holds on to the newest frame of a request that may turn out to be followed.
func (c *Client) keep(e protocol.Event, f protocol.Frame) {
	before, known := c.early[e.RequestID]
	if !known && len(c.early) >= maxEarly {
		return
	}
	if b, _ := protocol.EventOf(before); !known || b.Seq < e.Seq {
		c.early[e.RequestID] = f
	}
}

// following reports whether some message waits that a request is to be followed for.
func (c *Client) following() bool {
	for _, a := range c.asks {
		if a.follows {
			return true
		}
	}
	return false
}

// mishap takes an error of API Gateway's own, which does not say which message it answers.
func (c *Client) mishap(problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mishaps = append(c.mishaps, problem)
	c.attribute()
}

// attribute ends the waiting of every message as soon as no more of them wait than
// mishaps came: then they are theirs.
func (c *Client) attribute() {
	if len(c.mishaps) < len(c.asks) {
		return
	}
	mishaps := c.mishaps
	c.mishaps = nil
	for id := range c.asks {
		refused := protocol.Error{Code: protocol.Unavailable, Message: "API Gateway says: " + mishaps[0], Retryable: true}
		mishaps = mishaps[1:]
		c.answer(id, answer{frame: refused})
	}
}
