package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pay-theory/streamer/protocol"
)

// idRoom is how many bytes a message grows by when it gets its id.
const idRoom = protocol.MaxID + len(`,"id":""`)

// lighten uploads the payload of a message that is too large, and puts its reference in
// its place.
func (c *Client) lighten(ctx context.Context, m protocol.Message) (protocol.Message, error) {
	whole, err := text(m)
	if err != nil || len(whole)+idRoom <= protocol.MaxMessage {
		return m, err
	}
	if m.PayloadRef, err = c.upload(ctx, m.Payload); err != nil {
		return m, fmt.Errorf("%s: %w", m.Action, err)
	}
	m.Payload = nil
	return m, nil
}

// upload brings a JSON document to the stage and returns the reference to it.
func (c *Client) upload(ctx context.Context, doc json.RawMessage) (ref string, err error) {
	if len(doc) > protocol.MaxUpload {
		return "", &Error{
			Code:    protocol.MessageTooLarge,
			Message: fmt.Sprintf("the payload has %d bytes, the limit is %d", len(doc), protocol.MaxUpload),
		}
	}
	sum := sha256.Sum256(doc)
	payload, err := text(protocol.Announcement{Size: int64(len(doc)), SHA256: hex.EncodeToString(sum[:]), ContentType: "application/json"})
	if err != nil {
		return "", err
	}
	got, err := c.ask(ctx, protocol.Message{Action: protocol.ActionUpload, Payload: payload}, false)
	if err != nil {
		return "", err
	}
	f, ok := got.frame.(protocol.Upload)
	if !ok {
		return "", unexpected(protocol.ActionUpload, got.frame)
	}
	return f.PayloadRef, c.put(ctx, f, doc)
}

// put sends a document where the stage wants it. The link is a secret and in no error.
func (c *Client) put(ctx context.Context, to protocol.Upload, doc []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, to.URL, bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("upload the payload: %w", reason(err))
	}
	for name, value := range to.Headers {
		req.Header.Set(name, value)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("upload the payload: %w", reason(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("upload the payload: its link answered with status %d", answer.StatusCode)
	}
	return nil
}
