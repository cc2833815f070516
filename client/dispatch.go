package client

import (
	"github.com/pay-theory/streamer/protocol"
)

// tooManyRequests is what API Gateway says to a message over the rate.
const tooManyRequests = "Too Many Requests"

// maxEarly is how many requests' frames are kept before an answer has named the request.
const maxEarly = 256

// take gives a frame to who waits for it.
func (c *Client) take(conn *connection, f protocol.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return // whoever waited has been told
	}
	if e, ok := f.(protocol.Error); ok && e.Code == protocol.Unauthenticated {
		conn.expire()
	} else {
		c.failures = 0
	}
	if e, ok := protocol.EventOf(f); ok {
		c.event(e, f)
		return
	}
	switch f := f.(type) {
	case protocol.Accepted:
		c.begin(f.ID, f.RequestID, f.Status, f)
	case protocol.Subscribed:
		c.begin(f.ID, f.RequestID, f.Status, f)
	case protocol.Response:
		c.answer(c.asks[f.ID], f)
	case protocol.Request:
		c.answer(c.asks[f.ID], f)
	case protocol.Requests:
		c.answer(c.asks[f.ID], f)
	case protocol.Unsubscribed:
		c.answer(c.asks[f.ID], f)
	case protocol.Upload:
		c.answer(c.asks[f.ID], f)
	case protocol.Pong:
	case protocol.Error:
		if f.ID == "" {
			c.log.Warn("the stage refused a message without saying which", "code", f.Code, "message", f.Message)
		}
		c.refuse(c.asks[f.ID], refusal{Error: &Error{Code: f.Code, Message: f.Message, Retryable: f.Retryable, Details: f.Details}})
	default:
		c.log.Debug("a frame was ignored", "type", f.Type())
	}
}

// answer ends the waiting of a message; nil is one that nobody waits for any more.
func (c *Client) answer(a *ask, f protocol.Frame) {
	if a == nil {
		return
	}
	conn := a.on
	a.on = nil
	delete(c.asks, a.message.ID)
	a.frame = f
	close(a.answered)
	c.attribute(conn)
	if a.request != nil && conn != c.current {
		c.resubscribe(a.request) // it is watched where nobody will listen for long
	}
	c.relieve()
}

// refuse has a message sent again, or not: that is for who waits for it.
func (c *Client) refuse(a *ask, r refusal) {
	if a == nil {
		return
	}
	conn := a.on
	a.on = nil
	select {
	case a.refused <- r:
	default: // it was refused twice
	}
	c.attribute(conn)
}

// begin takes an answer that names a request. One that says that it has ended does not say
// how: the terminal frame follows, and answers.
func (c *Client) begin(id, requestID string, status protocol.Status, f protocol.Frame) {
	a := c.asks[id]
	if a == nil {
		return
	}
	if a.follows {
		c.accept(a, requestID, f)
	}
	if status.Terminal() && c.requests[requestID] != nil && a.follows {
		return
	}
	c.answer(a, f)
}

// accept has a message know its request, whatever brought the news.
func (c *Client) accept(a *ask, requestID string, f protocol.Frame) {
	a.requestID = requestID
	r := c.requests[requestID]
	if a.request == nil {
		if r == nil {
			r = newRequest(requestID, f)
			c.requests[requestID] = r
		}
		r.followers++
		a.request = r
	}
	if r == nil {
		return // it has ended, or nobody follows it any more
	}
	r.take(f)
	if early := c.early[requestID]; early != nil {
		delete(c.early, requestID)
		c.advance(r, early)
	}
}

// event brings a request on. Its frames may come before the answer to the message that
// it is followed for. If the message began the request, the ref tells; if it named it, or
// its idempotency key did, only the answer will, and the newest frame is kept until then.
func (c *Client) event(e protocol.Event, f protocol.Frame) {
	var answered []*ask
	if a := c.asks[e.Ref]; a != nil && a.follows {
		answered = append(answered, a)
	}
	if f.Type().Terminal() {
		for id, a := range c.asks {
			if a.requestID == e.RequestID && id != e.Ref && (a.follows || a.message.Action == protocol.ActionCancel) {
				answered = append(answered, a)
			}
		}
	}
	for _, a := range answered {
		if a.follows {
			c.accept(a, e.RequestID, f)
		}
	}
	if r := c.requests[e.RequestID]; r != nil {
		c.advance(r, f)
	} else if c.following() {
		c.keepEarly(e, f)
	}
	for _, a := range answered {
		c.answer(a, f)
	}
}

// advance brings a request on, and forgets it once it has ended.
func (c *Client) advance(r *request, f protocol.Frame) {
	r.take(f)
	if f.Type().Terminal() {
		delete(c.requests, r.id)
	}
}

// keepEarly holds on to the newest frame of a request that may turn out to be followed.
func (c *Client) keepEarly(e protocol.Event, f protocol.Frame) {
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
func (c *Client) mishap(conn *connection, problem string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.mishaps = append(conn.mishaps, problem)
	c.attribute(conn)
}

// attribute refuses every message that waits on a connection as soon as no more of them
// wait than mishaps came: then they are theirs.
func (c *Client) attribute(conn *connection) {
	if conn == nil || len(conn.mishaps) == 0 {
		return
	}
	var waiting []*ask
	for _, a := range c.asks {
		if a.on == conn {
			waiting = append(waiting, a)
		}
	}
	most := len(waiting)
	if conn.pinging {
		most++
	}
	if len(conn.mishaps) < most {
		return
	}
	problem := conn.mishaps[0]
	conn.mishaps = nil
	for _, a := range waiting {
		c.refuse(a, refusal{
			gateway: true, throttled: problem == tooManyRequests,
			Error: &Error{Code: protocol.Unavailable, Message: "API Gateway says: " + problem, Retryable: true},
		})
	}
}
