package view_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

var (
	now     = time.UnixMilli(1_767_225_600_123)
	expires = now.Add(15 * time.Minute)
	key     = lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}
)

// links makes links that look like presigned ones.
type links struct{ err error }

func (l links) Link(_ context.Context, key string) (string, time.Time, error) {
	return "https://b.example/" + key + "?X=1&Y=2", expires, l.err
}

// row is a request that was claimed, failed once and is at its second attempt.
func row(change func(*lifecycle.Row)) lifecycle.Row {
	r := lifecycle.Row{
		PK: key.PK(), Action: "a", User: "ann", Status: protocol.Processing, Attempt: 2, Percentage: 40, Message: "some", Seq: 2_000_005, Ref: "m1",
		CreatedAt: 100, DeadlineAt: 900, StartedAt: 200, Code: protocol.Timeout, Error: "too slow",
	}
	change(&r)
	return r
}

func TestTerminal(t *testing.T) {
	event := protocol.Event{RequestID: key.ID, Ref: "m1", Seq: 2_000_005, TS: now.UnixMilli()}
	for name, c := range map[string]struct {
		change func(*lifecycle.Row)
		want   protocol.Frame
	}{
		"completed": {
			func(r *lifecycle.Row) { r.Status, r.Result = protocol.Completed, `{"a":"<&>"}` },
			protocol.Complete{Event: event, Result: json.RawMessage(`{"a":"<&>"}`), Attempt: 2},
		},
		"completed with null": {
			func(r *lifecycle.Row) { r.Status, r.Result = protocol.Completed, `null` },
			protocol.Complete{Event: event, Result: json.RawMessage(`null`), Attempt: 2},
		},
		"large": {
			func(r *lifecycle.Row) {
				r.Status, r.ResultAt, r.ResultSize, r.ResultHash = protocol.Completed, lifecycle.PlaceObject, 30_000, []byte{0xAB, 1}
			},
			protocol.Complete{Event: event, Result: json.RawMessage(`null`), Attempt: 2, ResultRef: &protocol.Ref{
				URL: "https://b.example/t/acme/" + key.ID + "/_result-0.json?X=1&Y=2", Size: 30_000, SHA256: "ab01", ExpiresAt: expires.UnixMilli(),
			}},
		},
		"with a file": {
			func(r *lifecycle.Row) {
				r.Status, r.File, r.Result = protocol.Completed, "t/acme/r/r.pdf", `{"url":"","expires_at":0,"size":7,"pages":1.10,"note":"<b>"}`
			},
			protocol.Complete{Event: event, Attempt: 2, Result: json.RawMessage(
				`{"expires_at":1767226500123,"note":"<b>","pages":1.10,"size":7,"url":"https://b.example/t/acme/r/r.pdf?X=1&Y=2"}`)},
		},
		"failed": {
			func(r *lifecycle.Row) { r.Status = protocol.Failed },
			protocol.FailedFrame{Event: event, Code: protocol.Timeout, Message: "too slow", Attempt: 2},
		},
		"cancelled": {
			func(r *lifecycle.Row) { r.Status = protocol.Cancelled },
			protocol.CancelledFrame{Event: event},
		},
	} {
		if got, err := view.Terminal(t.Context(), row(c.change), links{}, now); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, err %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestTerminalFails(t *testing.T) {
	refusal := errors.New("no credentials")
	for name, c := range map[string]struct {
		change func(*lifecycle.Row)
		want   string
	}{
		"open":            {func(*lifecycle.Row) {}, "the request is PROCESSING"},
		"no link":         {func(r *lifecycle.Row) { r.Status, r.ResultAt = protocol.Completed, lifecycle.PlaceObject }, "no credentials"},
		"no link to file": {func(r *lifecycle.Row) { r.Status, r.File, r.Result = protocol.Completed, "f", "{}" }, "no credentials"},
	} {
		if f, err := view.Terminal(t.Context(), row(c.change), links{refusal}, now); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, err %v, want %s", name, f, err, c.want)
		}
	}
	for _, result := range []string{"[1]", "null", `"x"`, "{"} {
		if f, err := view.Terminal(t.Context(), row(func(r *lifecycle.Row) { r.Status, r.File, r.Result = protocol.Completed, "f", result }), links{}, now); err == nil || !strings.Contains(err.Error(), "not an object") {
			t.Errorf("%s with a file: %+v, err %v", result, f, err)
		}
	}
}

func TestLinksCanBeCopiedFromARawFrame(t *testing.T) {
	linked, err := view.Linked(t.Context(), json.RawMessage(`{"size":1}`), "k", links{})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := protocol.Encode(protocol.Complete{Result: linked})
	if err != nil || !strings.Contains(string(raw), `"url":"https://b.example/k?X=1&Y=2"`) {
		t.Errorf("frame %s, err %v", raw, err)
	}
}

func TestSubscribed(t *testing.T) {
	answer := protocol.Answer{ID: "m2", TS: 5}
	got := view.Subscribed(row(func(*lifecycle.Row) {}), answer)
	want := protocol.Subscribed{Answer: answer, RequestID: key.ID, Status: protocol.Processing, Attempt: 2, Percentage: 40, Message: "some", Seq: 2_000_005}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// The terminal frame comes after it and must not be dropped for its number.
	for _, status := range []protocol.Status{protocol.Completed, protocol.Failed, protocol.Cancelled} {
		if got := view.Subscribed(row(func(r *lifecycle.Row) { r.Status = status }), answer); got.Seq != 2_000_004 || got.Status != status {
			t.Errorf("%s: %+v", status, got)
		}
	}
}

func TestRequest(t *testing.T) {
	answer := protocol.Answer{ID: "m2", TS: 5}
	base := protocol.Request{
		Answer: answer, RequestID: key.ID, Action: "a", Status: protocol.Processing, Attempt: 2, Percentage: 40, Message: "some", Seq: 2_000_005,
		CreatedAt: 100, DeadlineAt: 900, StartedAt: 200, Code: protocol.Timeout, Error: "too slow",
	}
	retrying, completed := base, base
	retrying.Status, retrying.NextAt = protocol.Retrying, 300
	completed.Status, completed.EndedAt, completed.Result = protocol.Completed, 400, json.RawMessage("[1]")
	completed.Seq = 2_000_004 // the terminal frame may come after it
	for name, c := range map[string]struct {
		change func(*lifecycle.Row)
		want   protocol.Request
	}{
		"processing": {func(*lifecycle.Row) {}, base},
		"retrying":   {func(r *lifecycle.Row) { r.Status, r.NextAt = protocol.Retrying, 300 }, retrying},
		"completed":  {func(r *lifecycle.Row) { r.Status, r.EndedAt, r.Result = protocol.Completed, 400, "[1]" }, completed},
	} {
		if got, err := view.Request(t.Context(), row(c.change), answer, links{}); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, err %v", name, got, err)
		}
	}
	if _, err := view.Request(t.Context(), row(func(r *lifecycle.Row) { r.Status, r.ResultAt = protocol.Completed, lifecycle.PlaceObject }), answer, links{errors.New("no")}); err == nil {
		t.Error("a request without its link was shown")
	}
}

func TestListed(t *testing.T) {
	got := view.Listed(row(func(r *lifecycle.Row) { r.EndedAt = 400 }))
	want := protocol.Listed{
		RequestID: key.ID, Action: "a", Status: protocol.Processing, Attempt: 2, Percentage: 40, Message: "some",
		CreatedAt: 100, EndedAt: 400, Code: protocol.Timeout,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestOwnDocumentsCannotMeetAHandlersFiles(t *testing.T) {
	handlers := regexp.MustCompile(`^t/acme/` + key.ID + `/[A-Za-z0-9]`) // see files: the first is a letter or digit
	for _, k := range []string{view.ResultKey(key, 3), view.PayloadKey(key, []byte{1, 0xFF})} {
		if handlers.MatchString(k) || !strings.HasPrefix(k, "t/acme/"+key.ID+"/") {
			t.Errorf("key %s", k)
		}
	}
	if view.PayloadKey(key, []byte{1}) == view.PayloadKey(key, []byte{2}) {
		t.Error("two payloads have one key")
	}
}
