package router

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// upload gives a client a link by which it may upload the payload that it announces.
func (r *Router) upload(ctx context.Context, c call) (protocol.Frame, error) {
	if c.RequestID != "" {
		return nil, &protocol.RefusedError{Code: protocol.BadMessage, Field: "request_id", Problem: "an upload is no request's"}
	}
	u, err := announced(c.Payload)
	if err != nil {
		return nil, err
	}
	now := r.Clock.Now()
	u.ID = r.NewID(now)
	if err := r.Gate.Announce(ctx, c.Tenant, c.User, u.ID, now); err != nil {
		return nil, fromDesk(err)
	}
	c.record.Link = files.UploadKey(c.Tenant, c.User, u)
	url, headers, expires, err := r.Files.UploadLink(ctx, c.record.Link, u)
	if err != nil {
		return nil, serviceError{err}
	}
	return protocol.Upload{Answer: r.answer(c.ID), PayloadRef: u.Ref(), URL: url, Headers: headers, ExpiresAt: expires.UnixMilli()}, nil
}

// announced reads what a client says of its document.
func announced(payload json.RawMessage) (u files.Upload, err error) {
	if len(payload) == 0 {
		return u, streamer.Invalid("size", "missing: announce size and sha256")
	}
	var in protocol.Announcement
	if err := decodeStrictly(payload, &in); err != nil {
		return u, err
	}
	switch hash, err := hex.DecodeString(in.SHA256); {
	case in.Size < 1 || in.Size > protocol.MaxUpload:
		return u, streamer.Invalid("size", "not 1 to %d bytes", protocol.MaxUpload)
	case err != nil || len(hash) != sha256.Size || in.SHA256 != strings.ToLower(in.SHA256):
		return u, streamer.Invalid("sha256", "not %d digits of lower-case hex", 2*sha256.Size)
	case in.ContentType != "" && in.ContentType != "application/json":
		return u, streamer.Invalid("content_type", "a payload is application/json")
	default:
		u.Size = in.Size
		copy(u.Hash[:], hash)
		return u, nil
	}
}

// decodeStrictly reads the payload of one of Streamer's own actions.
func decodeStrictly(payload json.RawMessage, into any) error {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		field, problem := protocol.FieldError(err)
		return streamer.Invalid(field, "%s", problem)
	}
	return nil
}

// uploaded reads the payload that a message refers to, and checks it as if it stood in the
// message. What is accepted is what was read: nobody can change it by uploading again.
func (r *Router) uploaded(ctx context.Context, c call) (json.RawMessage, error) {
	u, ok := files.ParseRef(c.PayloadRef)
	if !ok || u.Size > protocol.MaxUpload {
		u = files.Upload{ID: lifecycle.NoID} // nobody has it, and it takes the same call to say so
	}
	doc, err := r.Files.Uploaded(ctx, files.UploadKey(c.Tenant, c.User, u), u)
	if errors.Is(err, files.ErrNoUpload) {
		r.Log.WarnContext(ctx, "upload not found", "id", c.ID, "error", err) // a missing grant looks the same
		return nil, streamer.Errorf(protocol.NotFound, "there is no such upload: upload the document before you refer to it")
	}
	if wrong, ok := errors.AsType[*files.MismatchError](err); ok {
		return nil, streamer.Invalid("payload_ref", "%s", wrong.Error())
	}
	if err != nil {
		return nil, serviceError{err}
	}
	return protocol.DecodePayload(doc)
}

// redacted answers a message whose upload was refused. A message that comes again, since its
// answer was lost, finds the upload redacted if its request has ended meanwhile: then it is
// about that request.
func (r *Router) redacted(ctx context.Context, c call, refused error) (protocol.Frame, error) {
	if _, told := streamer.AsError(refused); !told || c.IdempotencyKey == "" {
		return nil, refused
	}
	key := lifecycle.Key{Tenant: c.Tenant, ID: lifecycle.KeyedID(c.Tenant, c.User, c.Action, c.IdempotencyKey)}
	row, err := r.desk().Own(ctx, key, c.User)
	if _, told := streamer.AsError(err); err != nil && !told {
		return nil, serviceError{err}
	}
	if err != nil || row.Upload != c.PayloadRef {
		return nil, refused
	}
	return r.again(ctx, c, key)
}
