package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

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
		return "", tooLarge("the payload has %d bytes, the limit is %d", len(doc), protocol.MaxUpload)
	}
	sum := sha256.Sum256(doc)
	payload, err := text(protocol.Announcement{Size: int64(len(doc)), SHA256: hex.EncodeToString(sum[:]), ContentType: "application/json"})
	if err != nil {
		return "", err
	}
	err = c.transfer(ctx, "upload the payload", func(bool) error {
		f, err := answered[protocol.Upload](ctx, c, protocol.Message{Action: protocol.ActionUpload, Payload: payload})
		if err != nil {
			return err
		}
		ref = f.PayloadRef
		return c.put(ctx, f, doc)
	})
	return ref, err
}
