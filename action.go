package streamer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// Bounds of an action's settings.
const (
	// MaxAttempts is how often a request may be tried at most.
	MaxAttempts = 10
	// DefaultAttempts is how often it is tried if its action says nothing.
	DefaultAttempts = 3
	// MaxSyncTimeout leaves the router time to answer within the 29 seconds after which
	// API Gateway gives up on an integration (API Gateway developer guide, "Quotas").
	MaxSyncTimeout = 25 * time.Second
	// MaxTimeout leaves a processor time to record the outcome within Lambda's 15
	// minutes (Lambda developer guide, "Lambda quotas").
	MaxTimeout = 14 * time.Minute
)

// Action declares one thing that a client may ask for: its name, the types of its
// payload and its result, and how it runs. Its zero value but for the name is a sync
// action with the default limits.
//
// In is decoded from the payload strictly: an unknown field or a wrong type refuses
// the message before anything is stored, and the error names the field. If *In has a
// method Validate() error, it has the last word and may fill in defaults; [Invalid]
// names a field in its error.
type Action[In, Out any] struct {
	// Name is what clients send as "action": 1 to 64 of a-z, 0-9, "_", "-" and ".", the
	// first a letter. Names that begin with "streamer." are taken.
	Name string
	// Async says that the request is stored, queued and run by the processor. A sync
	// action is run by the router, which answers with its result.
	Async bool
	// Timeout is how long the handler may run. Defaults to MaxSyncTimeout or MaxTimeout,
	// which are also the most that is allowed. It counts for each run: an attempt that
	// goes on in a fresh invocation, see Checkpoint, has all of it again, and the
	// request's deadline alone bounds the whole.
	Timeout time.Duration
	// Attempts is how often an async action is tried, 1 to MaxAttempts, attempts whose
	// process dies included. Defaults to DefaultAttempts. A sync action is tried once.
	Attempts int
	// Backoff is how long an async action waits between attempts. Its zero value is at
	// most one second, doubling up to one minute.
	Backoff Backoff
	// Redact says that the payload is for the handler alone. Once the request has ended it is
	// taken out of the table and the bucket, the upload that it came as included, and no
	// error of the handler's is logged but for its type. Default: it is kept as long as the
	// request, and its file as long as files are.
	//
	// What the handler makes of it is for the handler to choose: progress, the text of an
	// *Error, checkpoints, effects under Once, files, the result. These are kept as ever, and
	// so are the payload's SHA-256, by which an idempotency key is held to its payload (give
	// one that could be guessed a random member), what the table's stream remembers for a day
	// and its backups for 35, and an upload that came to nothing.
	Redact bool
}

// Handler does what an action declares. It ends the request by calling r.Complete; a
// handler that returns nil without it completes with null. What else it returns decides
// what becomes of an async request:
//
//	a plain error, a panic   tried again; after the last attempt FAILED, INTERNAL
//	an *Error                FAILED at once with its Code and Message; if it says
//	                         Retryable, tried again, and FAILED with both after the last
//	Retryable(err, after)    tried again, after a wait of its own; after the last attempt
//	                         FAILED as err says, INTERNAL without an *Error in it
//	Permanent(err)           FAILED at once, as err says
//	ErrContinue              goes on in a fresh invocation, in the same attempt, if
//	                         Checkpoint returned it; else it is a plain error
//
// Between two attempts the request is RETRYING. "The last attempt" is also one whose
// next could not begin before the request's deadline. Only the text of an *Error reaches
// a client; every other error is logged whole, and so is an error after Complete, which
// changes nothing. A process that dies counts as an attempt; after the last the request
// is FAILED, ATTEMPTS_EXHAUSTED. A sync action is tried once, and its client gets the
// error.
//
// ctx ends early for the reasons that context.Cause tells, and then the cause decides,
// not what the handler returns, unless it has completed the request already:
//
//	ErrTimeout      the run's Timeout, or its function's time but for what recording
//	                takes, is used up: tried again; after the last attempt FAILED, TIMEOUT
//	ErrDeadline     the request's deadline has passed: FAILED, DEADLINE
//	ErrCancelled    CANCELLED
//	ErrLost         another worker has the request: nothing, what is written is refused
//
// A handler should then return; after two seconds it is left behind. A request whose
// deadline passes while it waits never starts: FAILED, DEADLINE.
type Handler[In, Out any] func(ctx context.Context, req *Request[In], r Reporter[Out]) error

// Entry is what a registry holds: an Action, or a Binding of one.
type Entry interface {
	// Spec is the action's declaration without its types, defaults filled in.
	Spec() Spec
	// Check decodes and validates a payload and tells what is wrong with it: always an
	// *Error with the code INVALID_PAYLOAD, or whatever *Error Validate returned.
	Check(payload json.RawMessage) error
}

// Spec is an action's declaration without its types.
type Spec struct {
	Name     string
	Async    bool
	Timeout  time.Duration
	Attempts int
	Backoff  Backoff
	Redact   bool
}

// Spec implements Entry.
func (a Action[In, Out]) Spec() Spec {
	s := Spec{Name: a.Name, Async: a.Async, Timeout: a.Timeout, Attempts: a.Attempts, Backoff: a.Backoff, Redact: a.Redact}
	if s.Timeout == 0 {
		s.Timeout = s.maxTimeout()
	}
	if s.Attempts == 0 {
		s.Attempts = 1
		if s.Async {
			s.Attempts = DefaultAttempts
		}
	}
	if s.Async {
		s.Backoff = s.Backoff.withDefaults()
	}
	return s
}

func (s Spec) maxTimeout() time.Duration {
	if s.Async {
		return MaxTimeout
	}
	return MaxSyncTimeout
}

func (s Spec) validate() error {
	switch {
	case !protocol.ActionName().MatchString(s.Name):
		return fmt.Errorf("action %q: Name is not 1 to %d of a-z, 0-9, _, - and ., the first a letter", s.Name, protocol.MaxActionName)
	case strings.HasPrefix(s.Name, protocol.ReservedPrefix):
		return fmt.Errorf("action %q: Name begins with %q, which is Streamer's own", s.Name, protocol.ReservedPrefix)
	case s.Timeout < 0 || s.Timeout > s.maxTimeout():
		return fmt.Errorf("action %q: Timeout is %s: at most %s", s.Name, s.Timeout, s.maxTimeout())
	case s.Attempts < 1 || s.Attempts > MaxAttempts:
		return fmt.Errorf("action %q: Attempts is %d: 1 to %d", s.Name, s.Attempts, MaxAttempts)
	case !s.Async && s.Attempts != 1:
		return fmt.Errorf("action %q: Attempts is %d: a sync action is tried once", s.Name, s.Attempts)
	case !s.Async && s.Backoff != (Backoff{}):
		return fmt.Errorf("action %q: Backoff is set: a sync action is tried once", s.Name)
	}
	if err := s.Backoff.validate(); err != nil {
		return fmt.Errorf("action %q: %w", s.Name, err)
	}
	return nil
}

// Check implements Entry.
func (a Action[In, Out]) Check(payload json.RawMessage) error {
	_, err := a.decode(payload)
	return err
}

func (a Action[In, Out]) decode(payload json.RawMessage) (In, error) {
	var in In
	if len(payload) > 0 {
		if err := decodePayload(payload, &in); err != nil {
			return in, err
		}
	}
	if v, ok := any(&in).(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			if e, ok := AsError(err); ok {
				return in, e
			}
			return in, Invalid("", "%s", err)
		}
	}
	return in, nil
}

// Bind gives the action its implementation.
func (a Action[In, Out]) Bind(h Handler[In, Out]) Binding {
	return Binding{Entry: a, handle: func(ctx context.Context, req *Request[json.RawMessage], sink Sink) error {
		in, err := a.decode(req.Payload)
		if err != nil {
			return err
		}
		typed := &Request[In]{
			ID: req.ID, Action: req.Action, Tenant: req.Tenant, User: req.User, Attempt: req.Attempt,
			CreatedAt: req.CreatedAt, Deadline: req.Deadline, Files: req.Files, Payload: in,
		}
		return h(ctx, typed, reporter[Out]{sink})
	}}
}

// Binding is an action with its implementation.
type Binding struct {
	Entry
	handle func(context.Context, *Request[json.RawMessage], Sink) error
}

// Handle runs the handler on a payload that is still JSON. It is what the engine and
// tests call; a panic is theirs to recover.
func (b Binding) Handle(ctx context.Context, req *Request[json.RawMessage], sink Sink) error {
	return b.handle(ctx, req, sink)
}
