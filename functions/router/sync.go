package router

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/tracing"
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
	key := lifecycle.Key{Tenant: c.Tenant, ID: r.NewID(now)}
	work, cancel := context.WithTimeoutCause(ctx, spec.Timeout, streamer.ErrTimeout)
	defer cancel()
	req := &streamer.Request[json.RawMessage]{
		ID: key.ID, Action: c.Action, Tenant: c.Tenant, User: c.User, Attempt: 1,
		CreatedAt: now, Deadline: now.Add(spec.Timeout), Payload: c.Payload, Files: r.Files.Of(key),
	}
	out := &outcome{}
	ended := make(chan error, 1)
	go func() { ended <- handle(work, binding, req, out) }()
	var err error
	select {
	case err = <-ended:
	case <-work.Done():
		err = context.Cause(work)
	}
	result, file, completed := out.take()
	switch {
	case err != nil && completed:
		r.Log.WarnContext(ctx, "handler failed after it had completed", "request", key.ID, "action", c.Action, "error", err)
	case err != nil && work.Err() != nil:
		return nil, streamer.Errorf(protocol.Timeout, "the action took longer than %s", spec.Timeout)
	case err != nil:
		return nil, err
	}
	if file != nil {
		c.record.Link = file.Key
		if result, err = view.Linked(ctx, result, file.Key, r.Files); err != nil {
			return nil, serviceError{err}
		}
	}
	r.Metrics.Add(contract.MetricAnswered, c.labels(), 1)
	return protocol.Response{Answer: r.answer(c.ID), RequestID: key.ID, Result: result}, nil
}

// handle runs the handler. One that panics has failed.
func handle(ctx context.Context, b streamer.Binding, req *streamer.Request[json.RawMessage], out *outcome) (err error) {
	ctx, span := tracing.Start(ctx, "handler")
	defer span.End()
	defer func() {
		if p := recover(); p != nil {
			err = logging.Panicked(p, b.Spec().Redact)
		}
	}()
	err = b.Handle(ctx, req, out)
	if b.Spec().Redact {
		err = logging.Hide(err)
	}
	return err
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

// take is what the action came to so far: null if its handler has not completed it.
func (o *outcome) take() (result json.RawMessage, file *streamer.File, completed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.done {
		return json.RawMessage("null"), nil, false
	}
	return o.result, o.file, true
}
