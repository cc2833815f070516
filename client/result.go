package client

import (
	"context"
	"encoding/json"

	"github.com/pay-theory/streamer/protocol"
)

// result is the JSON that a request ended with, wherever it is. A link that has run out is
// replaced by a fresh one.
func (c *Client) result(ctx context.Context, end protocol.Frame) (json.RawMessage, error) {
	switch f := end.(type) {
	case protocol.FailedFrame:
		return nil, &Error{Code: f.Code, Message: f.Message, Retryable: f.Code.Retryable(), RequestID: f.RequestID}
	case protocol.CancelledFrame:
		return nil, &Error{Code: CodeCancelled, Message: "the request was cancelled", RequestID: f.RequestID}
	case protocol.Complete:
		result, ref := f.Result, f.ResultRef
		err := c.transfer(ctx, "fetch the result", func(again bool) error {
			if again {
				stored, err := c.Get(ctx, f.RequestID)
				if err != nil {
					return err
				}
				result, ref = stored.Result, stored.ResultRef
			}
			if ref == nil {
				return nil
			}
			var err error
			result, err = c.download(ctx, *ref)
			return err
		})
		return result, err
	}
	return nil, unexpected("result", end)
}
