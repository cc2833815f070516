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
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/audit"
	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/logging"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// Files is what the router needs of the files bucket.
type Files interface {
	view.Linker
	Of(key lifecycle.Key) streamer.Files
	PutDocument(ctx context.Context, key string, doc []byte) (hash []byte, err error)
	UploadLink(ctx context.Context, key string, u files.Upload) (url string, headers map[string]string, expires time.Time, err error)
	Uploaded(ctx context.Context, key string, u files.Upload) ([]byte, error)
}

// Router is the function behind all three routes. All fields but IAM, Door, Audit and Gate
// must be set.
type Router struct {
	Registry    *streamer.Registry
	Requests    store.Requests
	Connections store.Connections
	Manager     streamer.ConnectionManager
	Files       Files
	Clock       clock.Clock
	// NewID makes the id of a request that came without an idempotency key.
	NewID func(now time.Time) string
	// IAM is set where API Gateway checks IAM signatures in place of an authorizer.
	IAM *contract.IAM
	// Gate keeps users and tenants within their limits; nil: there are none.
	Gate *limits.Gate
	// Door begins the traces of messages. The zero value begins none.
	Door    tracing.Door
	Audit   audit.Log
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

// API Gateway waits 29 seconds for an answer (API Gateway developer guide, "Quotas for
// configuring and running a WebSocket API"), and Lambda as long as the function's time.
// Whatever is not done a little before is answered as such.
const (
	answerWithin = 28 * time.Second
	answerSpare  = 500 * time.Millisecond
)

// message answers one message of a client.
func (r *Router) message(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest) events.APIGatewayProxyResponse {
	started := r.Clock.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if end, limited := ctx.Deadline(); limited {
		ctx, cancel = context.WithDeadline(ctx, end.Add(-answerSpare))
		defer cancel()
	}
	ctx = logging.About(ctx, "connection", ev.RequestContext.ConnectionID)
	c := call{record: arrived(ev)}
	ctx, frame := r.guarded(ctx, ev, &c)
	frame, body := r.fit(ctx, c.Message, frame)
	r.recorded(ctx, c, frame)
	traced(ctx, c, frame)
	line := []any{"action", clip(c.Action), "tenant", c.Tenant, "request", requestOf(frame), "frame", frame.Type()}
	if f, refused := frame.(protocol.Error); refused {
		line = append(line, "code", f.Code)
	}
	r.Log.InfoContext(ctx, "message answered", append(line, "ms", r.Clock.Now().Sub(started).Milliseconds())...)
	return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: string(body)}
}

// fit encodes a frame, or a refusal in its place if it cannot be encoded or sent.
func (r *Router) fit(ctx context.Context, m protocol.Message, frame protocol.Frame) (protocol.Frame, []byte) {
	body, err := encode(frame)
	if err == nil && len(body) <= protocol.MaxFrame {
		return frame, body
	}
	if f, refused := frame.(protocol.Error); refused {
		r.Log.ErrorContext(ctx, "details of an error left out", "action", clip(m.Action), "code", f.Code, "bytes", len(body), "error", err)
		f.Details = nil
		frame = f
	} else if err != nil {
		frame = r.refusal(ctx, m, err)
	} else {
		frame = r.refusal(ctx, m, streamer.Errorf(protocol.ResultTooLarge, "the result has %d bytes with its frame, the limit is %d", len(body), protocol.MaxFrame))
	}
	body, _ = protocol.Encode(frame) // without details a refusal holds nothing that could fail, nor be long
	return frame, body
}

// encode is protocol.Encode for what handlers made: their types may panic.
func encode(f protocol.Frame) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("encode %s frame: panicked: %v", f.Type(), p)
		}
	}()
	return protocol.Encode(f)
}

// clip keeps a message that was refused for its action's length from filling the log.
func clip(action string) string { return action[:min(len(action), protocol.MaxActionName)] }

// guarded makes the answer, whatever happens. The context is that of the message's trace.
func (r *Router) guarded(ctx context.Context, ev events.APIGatewayWebsocketProxyRequest, c *call) (of context.Context, frame protocol.Frame) {
	of = ctx
	defer func() {
		if p := recover(); p != nil {
			frame = r.refusal(of, c.Message, fmt.Errorf("router panicked: %v\n%s", p, debug.Stack()))
		}
	}()
	c.connection, c.submission = ev.RequestContext.ConnectionID, ev.RequestContext.RequestID
	var err error
	began := time.Now()
	if c.Message, err = decode(ev); err != nil {
		return of, r.refusal(of, c.Message, err)
	}
	of, _ = r.Door.Message(ctx, c.Traceparent, began)
	if c.Identity, err = r.identify(of, ev); err != nil {
		return of, r.refusal(of, c.Message, err)
	}
	if frame, err = r.act(logging.About(of, "tenant", c.Tenant), *c); err != nil {
		return of, r.refusal(of, c.Message, err)
	}
	return of, frame
}

// requestOf is the request that a frame is about, if there is one.
func requestOf(f protocol.Frame) string {
	switch f := f.(type) {
	case protocol.Response:
		return f.RequestID
	case protocol.Accepted:
		return f.RequestID
	case protocol.Subscribed:
		return f.RequestID
	case protocol.Unsubscribed:
		return f.RequestID
	case protocol.Request:
		return f.RequestID
	}
	e, _ := protocol.EventOf(f)
	return e.RequestID
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
	identity.Identity
	connection string
	// submission names this very message, so that a write that is repeated recognises
	// its own work.
	submission string
	// record is what the audit log will say of it.
	record *audit.Record
}

func (c call) labels() metric.Labels { return metric.Labels{Action: c.Action, Tenant: c.Tenant} }

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
	case protocol.ActionList:
		return r.list(ctx, c)
	case protocol.ActionUpload:
		return r.upload(ctx, c)
	}
	entry, ok := r.Registry.Lookup(c.Action)
	if !ok {
		return nil, streamer.Errorf(protocol.UnknownAction, "there is no action %q", c.Action)
	}
	if c.RequestID != "" {
		return nil, &protocol.RefusedError{Code: protocol.BadMessage, Field: "request_id", Problem: "only Streamer's own actions take one: this action makes a new request"}
	}
	if c.PayloadRef != "" {
		payload, err := r.uploaded(ctx, c)
		if err != nil {
			return r.redacted(ctx, c, err)
		}
		c.Payload = payload
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

// refusal is the frame for a message that was not done.
func (r *Router) refusal(ctx context.Context, m protocol.Message, err error) protocol.Frame {
	f := r.describe(ctx, m, err)
	r.Metrics.Add(contract.MetricRefused, metric.Labels{Code: string(f.Code)}, 1)
	return f
}

// describe says what was wrong. Only what is meant for a client reaches it; everything else
// is logged whole.
func (r *Router) describe(ctx context.Context, m protocol.Message, err error) protocol.Error {
	f := protocol.Error{Answer: r.answer(m.ID)}
	if refused, ok := errors.AsType[*protocol.RefusedError](err); ok {
		err = intake.Refused(refused)
	}
	if e, ok := streamer.AsError(err); ok {
		f.Code = protocol.Code(progress.Cut(string(cmp.Or(e.Code, protocol.Internal)), protocol.MaxCode))
		f.Message, f.Retryable, f.Details = progress.Cut(e.Message, protocol.MaxErrorMessage), e.Retryable || e.Code.Retryable(), e.Details
		return f
	}
	r.Log.ErrorContext(ctx, "message not done", "action", clip(m.Action), "id", m.ID, "error", err)
	f.Code, f.Message, f.Retryable = protocol.Internal, "something went wrong inside; it is in the log", true
	if unavailable(err) {
		f.Code, f.Message = protocol.Unavailable, "a service did not answer: send the message again, with an idempotency key if it must not count twice"
	}
	return f
}
