package client

import (
	"context"
	"errors"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// unsubscribeAfter is how long after its last follower a request is unsubscribed: another
// may come at once.
const unsubscribeAfter = time.Second

// resubscribe has the current connection watch a request, unless a message is about to.
// The caller holds the lock.
func (c *Client) resubscribe(r *request) {
	if c.ended == nil && c.current != nil && c.requests[r.id] == r && !c.subscribing()[r.id] {
		c.subscribe(r)
	}
}

// resubscribeAll is resubscribe for every request that is followed.
func (c *Client) resubscribeAll() {
	subscribing := c.subscribing()
	for id, r := range c.requests {
		if !subscribing[id] {
			c.subscribe(r)
		}
	}
}

// subscribing are the requests that a message is about to have a connection watch.
func (c *Client) subscribing() map[string]bool {
	ids := map[string]bool{}
	for _, a := range c.asks {
		if a.follows {
			ids[a.requestID] = true
		}
	}
	return ids
}

func (c *Client) subscribe(r *request) {
	a := newAsk(protocol.Message{Action: protocol.ActionSubscribe, RequestID: r.id})
	a.follows, a.stubborn, a.request = true, true, r
	c.register(a)
	c.spawn(func(ctx context.Context) {
		_, err := c.send(ctx, a)
		if _, refused := errors.AsType[*Error](err); refused {
			c.abandon(r, err)
		}
	})
}

// abandon ends the following of a request that may not be watched any more.
func (c *Client) abandon(r *request, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests[r.id] == r {
		delete(c.requests, r.id)
		r.lose(err)
	}
}

// unfollow takes note that one follower less is interested in a request. Without any, it
// is unsubscribed after a while.
func (c *Client) unfollow(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.followers--; r.followers > 0 || c.ended != nil || c.requests[r.id] != r {
		return
	}
	delete(c.requests, r.id)
	c.spawn(func(ctx context.Context) {
		if c.sleep(ctx, unsubscribeAfter) != nil || c.live() == nil || c.wanted(r.id) {
			return
		}
		// Its frames are ignored anyway.
		_, _ = c.ask(ctx, protocol.Message{Action: protocol.ActionUnsubscribe, RequestID: r.id})
		if c.wanted(r.id) { // again, and the stage may have taken this message last
			a := newAsk(protocol.Message{Action: protocol.ActionSubscribe, RequestID: r.id})
			a.stubborn = true
			_, _ = c.send(ctx, a) // whoever wants it is told by an answer of his own
		}
	})
}

// wanted reports whether somebody follows a request, or is about to.
func (c *Client) wanted(requestID string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests[requestID] != nil || c.subscribing()[requestID]
}
