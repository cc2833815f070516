package client

import (
	"context"
	"iter"

	"github.com/pay-theory/streamer/protocol"
)

// List yields the user's own requests, newest first, those that the query narrows it to;
// its zero value lists all. Pages are asked for as they are needed, from the query's own
// on. A request that was just accepted may not be listed for a moment; Watch takes one up
// by its id. An error is the last thing that is yielded: a refusal as an *Error, ctx's, or
// ErrDisconnected.
func (c *Client) List(ctx context.Context, query protocol.List) iter.Seq2[protocol.Listed, error] {
	return func(yield func(protocol.Listed, error) bool) {
		for {
			page, err := c.ListPage(ctx, query)
			if err != nil {
				yield(protocol.Listed{}, err)
				return
			}
			for _, listed := range page.Requests {
				if !yield(listed, nil) {
					return
				}
			}
			if query.Page = page.Next; query.Page == "" {
				return
			}
		}
	}
}

// ListPage is one page of List. Its Next is the Page of the query for the one that follows;
// it may have fewer requests than the query's Limit, even none, where Next is set.
func (c *Client) ListPage(ctx context.Context, query protocol.List) (protocol.Requests, error) {
	payload, err := text(query)
	if err != nil {
		return protocol.Requests{}, err
	}
	return answered[protocol.Requests](ctx, c, protocol.Message{Action: protocol.ActionList, Payload: payload})
}
