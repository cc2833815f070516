package backend

import (
	"context"
	"fmt"

	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// Client acts for one user. It is safe for concurrent use.
type Client struct {
	backend      *Backend
	tenant, user string
}

// Get returns a request of the user's as it is now, its result with a fresh link if it has
// one: what streamer.get answers a client.
func (c *Client) Get(ctx context.Context, requestID string) (protocol.Request, error) {
	row, err := c.row(ctx, requestID)
	c.record(ctx, about(audit.Get, requestID, row), err)
	if err != nil {
		return protocol.Request{}, fmt.Errorf("get request: %w", err)
	}
	return c.show(ctx, row)
}

// Cancel ends a request of the user's that waits, and asks one that runs to stop, which it
// does when its handler gives way. It returns the request as it is then; one that has ended
// stays as it is, and that is no error. Whoever watches a request that this call ended is
// told by a processor, about a second later.
func (c *Client) Cancel(ctx context.Context, requestID string) (protocol.Request, error) {
	row, err := c.cancel(ctx, requestID)
	c.record(ctx, about(audit.Cancel, requestID, row), err)
	if err != nil {
		return protocol.Request{}, fmt.Errorf("cancel request: %w", err)
	}
	c.backend.flush(ctx)
	return c.show(ctx, row)
}

func (c *Client) cancel(ctx context.Context, requestID string) (row lifecycle.Row, err error) {
	key, err := c.key(requestID)
	if err != nil {
		return row, err
	}
	row, _, err = c.backend.desk.Cancel(ctx, key, c.user)
	if err != nil {
		return lifecycle.Row{}, err
	}
	return row, nil
}

func (c *Client) show(ctx context.Context, row lifecycle.Row) (protocol.Request, error) {
	answer := protocol.Answer{TS: c.backend.desk.Clock.Now().UnixMilli()}
	return view.Request(ctx, row, answer, c.backend.files)
}

// row reads a request of the user's own.
func (c *Client) row(ctx context.Context, requestID string) (lifecycle.Row, error) {
	key, err := c.key(requestID)
	if err != nil {
		return lifecycle.Row{}, err
	}
	row, err := c.backend.desk.Own(ctx, key, c.user)
	if err != nil {
		return lifecycle.Row{}, err
	}
	return row, nil
}

// key names a request of the tenant's.
func (c *Client) key(requestID string) (lifecycle.Key, error) {
	if err := c.check(); err != nil {
		return lifecycle.Key{}, err
	}
	return lifecycle.Named(c.tenant, requestID), nil
}

func (c *Client) check() error {
	if err := identity.CheckTenant(c.tenant); err != nil {
		return fmt.Errorf("tenant %.100q is %w", c.tenant, err)
	}
	if err := identity.CheckUser(c.user); err != nil {
		return fmt.Errorf("user %.200q is %w", c.user, err)
	}
	return nil
}
