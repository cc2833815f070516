// Package router answers what comes in over the WebSocket: connections, and the messages
// of clients.
//
// # Design
//
// Every message is answered with exactly one frame that is returned, whatever happens, a
// panic included: API Gateway would make an empty message of nothing, and its own error
// text of an error. Where two frames answer, the first is posted and the last returned.
// Nothing is posted from $connect, since the connection does not exist before it returns.
package router

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// Files is what the router needs of the files bucket.
type Files interface {
	view.Linker
	Of(key lifecycle.Key) streamer.Files
	PutDocument(ctx context.Context, key string, doc []byte) (hash []byte, err error)
}

// Router is the function behind all three routes. All fields must be set.
type Router struct {
	Registry    *streamer.Registry
	Requests    store.Requests
	Connections store.Connections
	Manager     streamer.ConnectionManager
	Files       Files
	Clock       clock.Clock
	// NewID makes the id of a request that came without an idempotency key.
	NewID   func(now time.Time) string
	Metrics metric.Recorder
	Log     *slog.Logger
}

// Handle is the function's entry. It goes by the event's type and never by its route
// key, which depends on how the API was set up.
func (r *Router) Handle(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	switch ev.RequestContext.EventType {
	case "CONNECT":
		return r.connect(ctx, ev), nil
	case "DISCONNECT":
		return r.disconnect(ctx, ev), nil
	default:
		return r.message(ctx, ev), nil
	}
}

// message answers one message of a client.
func (r *Router) message(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) events.APIGatewayProxyResponse {
	started := r.Clock.Now()
	var m protocol.Message
	frame := r.guarded(ctx, ev, &m)
	body, err := protocol.Encode(frame)
	if err == nil && len(body) > protocol.MaxFrame {
		frame = r.refusal(ctx, m, streamer.Errorf(protocol.ResultTooLarge, "the result has %d bytes with its frame, the limit is %d", len(body), protocol.MaxFrame))
		body, err = protocol.Encode(frame)
	}
	if err != nil {
		frame = r.refusal(ctx, m, err)
		body, _ = protocol.Encode(frame) // a refusal holds nothing that could fail
	}
	r.Log.InfoContext(ctx, "message answered", "action", m.Action, "connection", ev.RequestContext.ConnectionID,
		"frame", frame.Type(), "ms", r.Clock.Now().Sub(started).Milliseconds())
	return events.APIGatewayProxyResponse{StatusCode: 200, Body: string(body)}
}

// guarded makes the answer, whatever happens.
func (r *Router) guarded(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest, m *protocol.Message) (frame protocol.Frame) {
	defer func() {
		if p := recover(); p != nil {
			frame = r.refusal(ctx, *m, fmt.Errorf("router panicked: %v\n%s", p, debug.Stack()))
		}
	}()
	var err error
	if *m, err = decode(ev); err != nil {
		return r.refusal(ctx, *m, err)
	}
	who, err := r.identify(ctx, ev)
	if err != nil {
		return r.refusal(ctx, *m, err)
	}
	if frame, err = r.act(ctx, call{Message: *m, identity: who, connection: ev.RequestContext.ConnectionID, submission: ev.RequestContext.RequestID}); err != nil {
		return r.refusal(ctx, *m, err)
	}
	return frame
}

func decode(ev events.APIGatewayWebsocketProxyRequest) (protocol.Message, error) {
	if ev.IsBase64Encoded {
		return protocol.Message{}, &protocol.RefusedError{Code: protocol.BadMessage, Problem: "binary frames are not understood: send text"}
	}
	return protocol.DecodeMessage([]byte(ev.Body))
}

// call is one message of a known user.
type call struct {
	protocol.Message
	identity
	connection string
	// submission names this very message, so that a write that is repeated recognises
	// its own work.
	submission string
}

// act does what a message asks for.
func (r *Router) act(ctx context.Context, c call) (protocol.Frame, error) {
	switch c.Action {
	case protocol.ActionPing:
		return protocol.Pong{Answer: r.answer(c.ID)}, nil
	case protocol.ActionGet:
		return r.get(ctx, c)
	case protocol.ActionSubscribe:
		return r.subscribe(ctx, c)
	case protocol.ActionUnsubscribe:
		return r.unsubscribe(ctx, c)
	case protocol.ActionCancel:
		return r.cancel(ctx, c)
	}
	entry, ok := r.Registry.Lookup(c.Action)
	if !ok {
		return nil, streamer.Errorf(protocol.UnknownAction, "there is no action %q", c.Action)
	}
	if c.RequestID != "" {
		return nil, &protocol.RefusedError{Code: protocol.BadMessage, Field: "request_id", Problem: "only Streamer's own actions take one: this action makes a new request"}
	}
	if err := entry.Check(c.Payload); err != nil {
		return nil, err
	}
	if entry.Spec().Async {
		return r.accept(ctx, c, entry.Spec())
	}
	return r.respond(ctx, c, entry.Spec())
}

func (r *Router) answer(id string) protocol.Answer {
	return protocol.Answer{ID: id, TS: r.Clock.Now().UnixMilli()}
}

// refusal is the frame for a message that was not done. Only what is meant for a client
// reaches it; everything else is logged whole.
func (r *Router) refusal(ctx context.Context, m protocol.Message, err error) protocol.Frame {
	r.Metrics.Count(contract.MetricRefused, "")
	f := protocol.Error{Answer: r.answer(m.ID)}
	if refused, ok := asRefused(err); ok {
		f.Code, f.Message = refused.Code, refused.Error()
		if refused.Field != "" {
			f.Details = map[string]any{"field": refused.Field}
		}
		return f
	}
	if e, ok := streamer.AsError(err); ok {
		f.Code, f.Message, f.Retryable, f.Details = e.Code, e.Message, e.Retryable || e.Code.Retryable(), e.Details
		return f
	}
	r.Log.ErrorContext(ctx, "message not done", "action", m.Action, "error", err)
	f.Code, f.Message, f.Retryable = protocol.Internal, "something went wrong inside; it is in the log", true
	if unavailable(err) {
		f.Code, f.Message = protocol.Unavailable, "a service did not answer: send the message again, with an idempotency key if it must not count twice"
	}
	return f
}
