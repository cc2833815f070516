package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	stored "github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

const secret = `{"card":"4111"}`

// secretly puts a request whose payload is in a place, and was uploaded before.
func (r *rig) secretly(at lifecycle.Place, redact bool) {
	r.t.Helper()
	u := stored.Upload{ID: key.ID, Size: int64(len(secret))}
	r.accept(func(s *lifecycle.Submission) {
		s.Redact, s.Upload, s.Payload, s.Hash = redact, u.Ref(), secret, []byte{1}
		if at != "" {
			s.Payload, s.PayloadAt = "", at
		}
	})
	r.docs = map[string][]byte{stored.UploadKey("acme", "ann", u): []byte(secret)}
	switch at {
	case lifecycle.PlaceItem:
		if err := r.table.PutPayload(r.t.Context(), key, []byte{1}, secret, time.Now()); err != nil {
			r.t.Fatal(err)
		}
	case lifecycle.PlaceObject:
		r.docs[view.PayloadKey(key, []byte{1})] = []byte(secret)
	}
}

// wantSecrets counts the places where the payload is still to be seen.
func (r *rig) wantSecrets(want int) {
	r.t.Helper()
	var places []string
	if r.row().Payload != "" {
		places = append(places, "row")
	}
	if p, err := r.table.Payload(context.Background(), key, []byte{1}); err == nil && p == secret {
		places = append(places, "item")
	}
	for name, doc := range r.docs {
		if string(doc) == secret {
			places = append(places, name)
		}
	}
	if len(places) != want {
		r.t.Errorf("the payload is in %v", places)
	}
}

// However a request ends, its payload goes, unless its action has it kept.
func TestRedact(t *testing.T) {
	for name, end := range map[string]struct {
		handler streamer.Handler[json.RawMessage, json.RawMessage]
		before  func(r *rig)
	}{
		"completed": {handler: func(_ context.Context, req request, rep reporter) error {
			if string(req.Payload) != secret {
				return fmt.Errorf("the payload is %s", req.Payload)
			}
			return rep.Complete(json.RawMessage(`1`))
		}},
		"failed": {handler: fail(streamer.Permanent(errors.New("no")))},
		"cancelled while it ran": {handler: func(ctx context.Context, _ request, _ reporter) error { <-ctx.Done(); return ctx.Err() }, before: func(r *rig) {
			go func() { time.Sleep(time.Second); r.cancel() }()
		}},
		"cancelled before": {before: (*rig).cancel},
		"overdue":          {before: func(*rig) { time.Sleep(2 * time.Hour) }},
	} {
		for _, at := range []lifecycle.Place{"", lifecycle.PlaceItem, lifecycle.PlaceObject} {
			play(t, fmt.Sprint(name, ", payload at ", at), func(t *testing.T, r *rig) {
				for redact, secrets := range map[bool]int{true: 0, false: 2} {
					r.secretly(at, redact)
					r.wantSecrets(2)
					r.handler = end.handler
					if end.before != nil {
						end.before(r)
					}
					r.wantDone(r.deliver("m1"))
					r.wantSecrets(secrets)
				}
			})
		}
	}
	play(t, "not before its end", func(t *testing.T, r *rig) {
		r.secretly(lifecycle.PlaceItem, true)
		r.handler = fail(errors.New("again"))
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		r.wantSecrets(2)
	})
	play(t, "when the bucket does not answer at once", func(t *testing.T, r *rig) {
		r.secretly(lifecycle.PlaceObject, true)
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			r.set(func() { r.docErr = errNoAnswer })
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantKept(r.deliver("m1"))
		r.wantBack(30 * time.Second)
		r.wantFrames("complete")
		r.wantSecrets(2)
		r.set(func() { r.docErr = nil })
		time.Sleep(30 * time.Second)
		r.wantDone(r.deliver("m1"))
		r.wantSecrets(0)
	})
}

// What a handler says that failed may quote what it was given.
func TestRedactedErrors(t *testing.T) {
	for name, handler := range map[string]streamer.Handler[json.RawMessage, json.RawMessage]{
		"an error":            fail(fmt.Errorf("charge %s", secret)),
		"one that is retried": fail(streamer.Retryable(fmt.Errorf("charge %s", secret), time.Second)),
		"a panic":             func(_ context.Context, req request, _ reporter) error { panic(string(req.Payload)) },
		"one after its complete": func(_ context.Context, req request, rep reporter) error {
			return errors.Join(rep.Complete(json.RawMessage(`1`)), fmt.Errorf("charge %s", req.Payload))
		},
	} {
		for redact, said := range map[bool]bool{true: false, false: true} {
			play(t, fmt.Sprint(name, ", redacted ", redact), func(t *testing.T, r *rig) {
				r.secretly("", redact)
				r.handler = handler
				_ = r.deliver("m1") // kept or done, as the error asks
				if got := strings.Contains(r.log.String(), "4111"); got != said || r.log.Len() == 0 {
					t.Errorf("the log says it: %t\n%s", got, &r.log)
				}
				if strings.Contains(name, "panic") && !strings.Contains(r.log.String(), "redact_test.go") {
					t.Errorf("no stack in %s", &r.log)
				}
			})
		}
	}
}
