package client

import (
	"bytes"
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

// maxTransfers is how often a document is transferred before that fails.
const maxTransfers = 4

// transfer transfers a document, again after a while if that fails. What the stage says is
// final.
func (c *Client) transfer(ctx context.Context, what string, once func(again bool) error) error {
	for tries := 0; ; tries++ {
		err := once(tries > 0)
		if _, refused := errors.AsType[*Error](err); err == nil || refused || errors.Is(err, ErrDisconnected) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if tries+1 >= maxTransfers {
			return &Error{Code: CodeUnreachable, Message: fmt.Sprintf("%s: %v", what, err), Retryable: true, cause: err}
		}
		if err := c.sleep(ctx, c.timing.wait(tries)); err != nil {
			return err
		}
	}
}

// download reads the document behind a link. The link is a secret and in no error.
func (c *Client) download(ctx context.Context, ref protocol.Ref) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref.URL, nil)
	if err != nil {
		return nil, reason(err)
	}
	answer, err := c.fetch(req)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(io.LimitReader(answer.Body, ref.Size+1))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); int64(len(data)) != ref.Size || hex.EncodeToString(sum[:]) != ref.SHA256 {
		return nil, fmt.Errorf("what came is not what was stored, %d bytes of %d", len(data), ref.Size)
	}
	return data, nil
}

// put sends a document where the stage wants it. The link is a secret and in no error.
func (c *Client) put(ctx context.Context, to protocol.Upload, doc []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.URL, bytes.NewReader(doc))
	if err != nil {
		return reason(err)
	}
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	answer, err := c.fetch(req)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// fetch does what a link is for; any status but 200 is an error.
func (c *Client) fetch(req *http.Request) (*http.Response, error) {
	answer, err := c.options.HTTPClient.Do(req)
	if err != nil {
		return nil, reason(err)
	}
	if answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("its link answered with status %d", answer.StatusCode)
	}
	return answer, nil
}
