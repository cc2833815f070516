package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// respond runs a sync action and answers with its result.
func (r *Router) respond(ctx context.Context, c call, spec streamer.Spec) (protocol.Frame, error) {
	binding, ok := r.Registry.Binding(c.Action)
	if !ok {
		return nil, fmt.Errorf("sync action %q has no handler here", c.Action)
	}
	now := r.Clock.Now()
	key := lifecycle.Key{Tenant: c.tenant, ID: r.NewID(now)}
	ctx, cancel := context.WithTimeoutCause(ctx, spec.Timeout, streamer.ErrTimeout)
	defer cancel()
	req := &streamer.Request[json.RawMessage]{
		ID: key.ID, Action: c.Action, Tenant: c.tenant, User: c.user, Attempt: 1,
		CreatedAt: now, Deadline: now.Add(spec.Timeout), Payload: c.Payload, Files: r.Files.Of(key),
	}
	out := &outcome{}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("handler panicked: %v\n%s", p, debug.Stack())
			}
		}()
		done <- binding.Handle(ctx, req, out)
	}()
	select {
	case err := <-done:
		if err != nil && context.Cause(ctx) == nil {
			return nil, err
		}
		if err != nil {
			return nil, streamer.Errorf(protocol.Timeout, "the action took longer than %s", spec.Timeout)
		}
	case <-ctx.Done():
		return nil, streamer.Errorf(protocol.Timeout, "the action took longer than %s", spec.Timeout)
	}
	result, file := out.take()
	if file != nil {
		var err error
		if result, err = view.Linked(ctx, result, file.Key, r.Files); err != nil {
			return nil, serviceError{err}
		}
	}
	return protocol.Response{Answer: r.answer(c.ID), RequestID: key.ID, Result: result}, nil
}

// outcome is the sink of a sync action: progress has nowhere to go.
type outcome struct {
	mu     sync.Mutex
	done   bool
	result json.RawMessage
	file   *streamer.File
}

// Report implements streamer.Sink.
func (o *outcome) Report(float64, string) {}

// Step implements streamer.Sink.
func (o *outcome) Step(float64, string) {}

// Complete implements streamer.Sink.
func (o *outcome) Complete(result json.RawMessage, file *streamer.File) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done {
		return errors.New("complete: the request has ended already")
	}
	o.done, o.result, o.file = true, result, file
	return nil
}

func (o *outcome) take() (json.RawMessage, *streamer.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done {
		return json.RawMessage("null"), nil
	}
	return o.result, o.file
}
