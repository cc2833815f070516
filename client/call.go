package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

// Do asks a sync action and returns its result. It is asked again if its answer was lost,
// so it may run more than once.
func Do[In, Out any](ctx context.Context, c *Client, action streamer.Action[In, Out], in In) (Out, error) {
	var out Out
	result, err := c.Call(ctx, action.Name, in)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(result, &out); err != nil {
		return out, fmt.Errorf("%s: the result is no %T: %w", action.Name, out, err)
	}
	return out, nil
}

// Call asks a sync action by its name and returns its result as JSON, as Do does. The
// payload is anything that encoding/json writes, a json.RawMessage goes as it is; the
// message may have 28 KiB. An async action is accepted all the same, and runs; Call then
// returns an error that has its request's id.
func (c *Client) Call(ctx context.Context, action string, in any) (json.RawMessage, error) {
	data, err := text(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	got, err := c.ask(ctx, protocol.Message{Action: action, Payload: data, IdempotencyKey: rand.Text()})
	if err != nil {
		return nil, err
	}
	switch f := got.(type) {
	case protocol.Response:
		return f.Result, nil
	case protocol.Accepted:
		return nil, fmt.Errorf("%s is async and runs now as request %s: use Submit for it", action, f.RequestID)
	}
	return nil, unexpected(action, got)
}

// Get returns a request as it is stored: at most one pulse, 2 seconds, old, with a fresh
// link to its result if it has one. A request that this user may not see is NOT_FOUND.
func (c *Client) Get(ctx context.Context, requestID string) (protocol.Request, error) {
	return answered[protocol.Request](ctx, c, protocol.Message{Action: protocol.ActionGet, RequestID: requestID})
}

// answered sends a message that is answered by frames of one type.
func answered[F protocol.Frame](ctx context.Context, c *Client, m protocol.Message) (f F, err error) {
	got, err := c.ask(ctx, m)
	if err != nil {
		return f, err
	}
	f, ok := got.(F)
	if !ok {
		return f, unexpected(m.Action, got)
	}
	return f, nil
}

func unexpected(action string, f protocol.Frame) error {
	return fmt.Errorf("%s: the stage answered with a frame of type %q", action, f.Type())
}
