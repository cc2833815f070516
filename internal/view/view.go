// Package view turns a request's row into the frames that show it, with fresh links.
package view

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
)

// Linker makes links to stored objects.
type Linker interface {
	Link(ctx context.Context, key string) (url string, expires time.Time, err error)
}

// Names that begin with an underscore are none that a handler may give its files, so
// that neither takes the other's place.

// ResultKey is where a result is kept that is too large for the row. Each claim has a
// place of its own, so that a worker that lost the request cannot write over the result
// that counts.
func ResultKey(key lifecycle.Key, fence int64) string {
	return files.Key(key, fmt.Sprintf("_result-%d.json", fence))
}

// PayloadKey is where a payload of that hash is kept that is too large for a table.
func PayloadKey(key lifecycle.Key, hash []byte) string {
	return files.Key(key, "_payload-"+hex.EncodeToString(hash)+".json")
}

// StateKey is where a state of that hash is kept that is too large for a table.
func StateKey(key lifecycle.Key, hash []byte) string {
	return files.Key(key, "_state-"+hex.EncodeToString(hash)+".json")
}

// Terminal is the frame that ends a request. The row must be terminal.
func Terminal(ctx context.Context, row lifecycle.Row, links Linker, now time.Time) (protocol.Frame, error) {
	event := protocol.Event{RequestID: row.Key().ID, Ref: row.Ref, Seq: row.Seq, TS: now.UnixMilli()}
	switch row.Status {
	case protocol.Completed:
		result, ref, err := result(ctx, row, links)
		if err != nil {
			return nil, err
		}
		return protocol.Complete{Event: event, Result: result, ResultRef: ref, Attempt: row.Attempt}, nil
	case protocol.Failed:
		return protocol.FailedFrame{Event: event, Code: row.Code, Message: row.Error, Attempt: row.Attempt}, nil
	case protocol.Cancelled:
		return protocol.CancelledFrame{Event: event}, nil
	}
	return nil, fmt.Errorf("no terminal frame: the request is %s", row.Status)
}

// Subscribed is the answer to streamer.subscribe.
func Subscribed(row lifecycle.Row, answer protocol.Answer) protocol.Subscribed {
	return protocol.Subscribed{
		Answer: answer, RequestID: row.Key().ID, Status: row.Status, Attempt: row.Attempt,
		Percentage: row.Percentage, Message: row.Message, Seq: stateSeq(row),
	}
}

// stateSeq is the number that a view of the row carries. A terminal row's own number is
// that of its terminal frame, which is still to come after the view.
func stateSeq(row lifecycle.Row) int64 {
	if row.Status.Terminal() {
		return row.Seq - 1
	}
	return row.Seq
}

// Request is the answer to streamer.get.
func Request(ctx context.Context, row lifecycle.Row, answer protocol.Answer, links Linker) (protocol.Request, error) {
	f := protocol.Request{
		Answer: answer, RequestID: row.Key().ID, Action: row.Action, Status: row.Status, Attempt: row.Attempt,
		Percentage: row.Percentage, Message: row.Message, Seq: stateSeq(row),
		CreatedAt: row.CreatedAt, DeadlineAt: row.DeadlineAt, StartedAt: row.StartedAt, NextAt: row.NextAt, EndedAt: row.EndedAt,
		Code: row.Code, Error: row.Error,
	}
	if row.Status == protocol.Completed {
		var err error
		if f.Result, f.ResultRef, err = result(ctx, row, links); err != nil {
			return f, err
		}
	}
	return f, nil
}

// Listed is a request in the answer to streamer.list.
func Listed(row lifecycle.Row) protocol.Listed {
	return protocol.Listed{
		RequestID: row.Key().ID, Action: row.Action, Status: row.Status, Attempt: row.Attempt,
		Percentage: row.Percentage, Message: row.Message, CreatedAt: row.CreatedAt, EndedAt: row.EndedAt, Code: row.Code,
	}
}

// LinkedKey is the key of the object that views of a row have a link to, empty for none.
func LinkedKey(row lifecycle.Row) string {
	if row.ResultAt == lifecycle.PlaceObject {
		return ResultKey(row.Key(), row.Fence)
	}
	return row.File
}

func result(ctx context.Context, row lifecycle.Row, links Linker) (json.RawMessage, *protocol.Ref, error) {
	if row.ResultAt == lifecycle.PlaceObject {
		url, expires, err := links.Link(ctx, LinkedKey(row))
		if err != nil {
			return nil, nil, err
		}
		return json.RawMessage("null"), &protocol.Ref{
			URL: url, Size: row.ResultSize, SHA256: hex.EncodeToString(row.ResultHash), ExpiresAt: expires.UnixMilli(),
		}, nil
	}
	if row.File == "" {
		return json.RawMessage(row.Result), nil, nil
	}
	linked, err := Linked(ctx, []byte(row.Result), row.File, links)
	return linked, nil, err
}

// Linked fills in the members of an embedded streamer.File that are made anew at each
// delivery: the link to the file of that key, and its end.
func Linked(ctx context.Context, result json.RawMessage, file string, links Linker) (json.RawMessage, error) {
	url, expires, err := links.Link(ctx, file)
	if err != nil {
		return nil, err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(result, &members); err != nil {
		return nil, fmt.Errorf("link result: a result with a file is not an object: %w", err)
	}
	if members == nil {
		return nil, errors.New("link result: a result with a file is not an object: it is null")
	}
	link, err := JSON(url)
	if err != nil {
		return nil, fmt.Errorf("link result: %w", err)
	}
	members["url"] = link
	members["expires_at"] = json.RawMessage(fmt.Sprint(expires.UnixMilli()))
	linked, err := JSON(members)
	if err != nil {
		return nil, fmt.Errorf("link result: %w", err)
	}
	return linked, nil
}

// JSON encodes v and leaves &, < and > as they are, so that a link can be copied from a
// raw frame, and payloads and results are what their makers wrote.
func JSON(v any) (json.RawMessage, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
