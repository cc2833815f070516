package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/pay-theory/streamer/protocol"
)

// errExpired: a link's time is over.
var errExpired = errors.New("the link to the result has run out")

// result is the JSON that a request ended with, wherever it is.
func (c *Client) result(ctx context.Context, end protocol.Frame) (json.RawMessage, error) {
	switch f := end.(type) {
	case protocol.FailedFrame:
		return nil, &Error{Code: f.Code, Message: f.Message, Retryable: f.Code.Retryable(), RequestID: f.RequestID}
	case protocol.CancelledFrame:
		return nil, &Error{Code: CodeCancelled, Message: "the request was cancelled", RequestID: f.RequestID}
	case protocol.Complete:
		if f.ResultRef == nil {
			return f.Result, nil
		}
		result, err := c.fetch(ctx, *f.ResultRef)
		if errors.Is(err, errExpired) {
			return c.fetchAnew(ctx, f.RequestID)
		}
		return result, err
	}
	return nil, unexpected("result", end)
}

// fetchAnew fetches a result by a fresh link.
func (c *Client) fetchAnew(ctx context.Context, requestID string) (json.RawMessage, error) {
	f, err := c.Get(ctx, requestID)
	if err != nil {
		return nil, fmt.Errorf("%w: get a fresh one: %w", errExpired, err)
	}
	if f.ResultRef == nil {
		return f.Result, nil
	}
	return c.fetch(ctx, *f.ResultRef)
}

// fetch reads the document behind a link. The link is a secret and in no error.
func (c *Client) fetch(ctx context.Context, ref protocol.Ref) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref.URL, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the result: %w", reason(err))
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch the result: %w", reason(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusForbidden { // S3's word for it
		return nil, errExpired
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch the result: its link answered with status %d", answer.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, ref.Size+1))
	if err != nil {
		return nil, fmt.Errorf("fetch the result: %w", err)
	}
	if sum := sha256.Sum256(data); int64(len(data)) != ref.Size || hex.EncodeToString(sum[:]) != ref.SHA256 {
		return nil, fmt.Errorf("fetch the result: what came is not what was stored, %d bytes of %d", len(data), ref.Size)
	}
	return data, nil
}
