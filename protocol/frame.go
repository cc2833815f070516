package protocol

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Type is the "type" member of a frame that the server sends.
type Type string

// The types of frames that the server sends.
const (
	TypeResponse     Type = "response"
	TypeAccepted     Type = "accepted"
	TypeProgress     Type = "progress"
	TypeRetrying     Type = "retrying"
	TypeComplete     Type = "complete"
	TypeFailed       Type = "failed"
	TypeCancelled    Type = "cancelled"
	TypeError        Type = "error"
	TypeSubscribed   Type = "subscribed"
	TypeUnsubscribed Type = "unsubscribed"
	TypeRequest      Type = "request"
	TypeRequests     Type = "requests"
	TypePong         Type = "pong"
	TypeUpload       Type = "upload"
)

// Terminal reports whether a frame of this type ends its request.
func (t Type) Terminal() bool {
	return t == TypeComplete || t == TypeFailed || t == TypeCancelled
}

// Status is where a request stands in its life.
type Status string

// The statuses of a request. The last three are terminal and never change.
const (
	Pending    Status = "PENDING"
	Processing Status = "PROCESSING"
	Retrying   Status = "RETRYING"
	Completed  Status = "COMPLETED"
	Failed     Status = "FAILED"
	Cancelled  Status = "CANCELLED"
)

// Terminal reports whether the status is one that never changes again.
func (s Status) Terminal() bool {
	return s == Completed || s == Failed || s == Cancelled
}

// Frame is one message from the server to a client. Encode writes it, DecodeFrame
// reads it.
type Frame interface {
	// Type is the frame's "type" member.
	Type() Type
}

// Answer is what every frame that answers a client's message has.
type Answer struct {
	// ID echoes the id of the message that is answered; absent if it had none.
	ID string `json:"id,omitempty"`
	// TS is when the frame was made, in Unix milliseconds.
	TS int64 `json:"ts"`
}

// Event is what every frame about the life of a request has.
type Event struct {
	// RequestID is the request that the frame is about.
	RequestID string `json:"request_id"`
	// Ref is the id that the submitter gave its message; absent if it gave none.
	Ref string `json:"ref,omitempty"`
	// Seq orders the frames of a request. Zero stands before everything else.
	Seq int64 `json:"seq"`
	// TS is when the frame was made, in Unix milliseconds.
	TS int64 `json:"ts"`
}

// EventOf is what a frame about the life of a request has, if it is such a frame.
func EventOf(f Frame) (Event, bool) {
	switch f := f.(type) {
	case Progress:
		return f.Event, true
	case RetryingFrame:
		return f.Event, true
	case Complete:
		return f.Event, true
	case FailedFrame:
		return f.Event, true
	case CancelledFrame:
		return f.Event, true
	}
	return Event{}, false
}

// Response answers a sync action.
type Response struct {
	Answer
	// RequestID is the id under which the stage's log has the request.
	RequestID string `json:"request_id"`
	// Result is the action's result, of whatever type that is.
	Result json.RawMessage `json:"result"`
}

// Accepted says that an async request is stored: from now on it ends in exactly one
// terminal state. It may arrive after the first progress, even after the terminal
// frame.
type Accepted struct {
	Answer
	// RequestID names the request from now on, for every connection of this user.
	RequestID string `json:"request_id"`
	// Status is PENDING, or where the request of a Duplicate stands.
	Status Status `json:"status"`
	// Duplicate says that the idempotency key had brought this request in before. The
	// connection watches it now.
	Duplicate bool `json:"duplicate,omitempty"`
}

// Progress says how far a request is: newest wins.
type Progress struct {
	Event
	// Percentage is 0 to 100 and never falls within an attempt.
	Percentage float64 `json:"percentage"`
	// Message is what the handler says it is doing, at most MaxProgressMessage bytes.
	Message string `json:"message"`
	// Attempt counts the tries, from 1.
	Attempt int `json:"attempt"`
}

// RetryingFrame says that an attempt failed and another will come.
type RetryingFrame struct {
	Event
	// Attempt is the attempt that failed.
	Attempt int `json:"attempt"`
	// NextAt is when the next one may start, in Unix milliseconds.
	NextAt int64 `json:"next_at"`
	// Code says why the attempt failed.
	Code Code `json:"code"`
}

// Complete is the terminal frame of a request that succeeded.
type Complete struct {
	Event
	// Result is the action's result, of whatever type that is.
	Result json.RawMessage `json:"result"`
	// ResultRef is set in place of Result, which is null then, when the result is over
	// MaxInline bytes.
	ResultRef *Ref `json:"result_ref,omitempty"`
	// Attempt is the one that succeeded.
	Attempt int `json:"attempt"`
}

// Ref points to a JSON document that is too large for a frame.
type Ref struct {
	// URL is a link that anyone who holds it may GET until ExpiresAt.
	URL string `json:"url"`
	// Size is the document's length in bytes.
	Size int64 `json:"size"`
	// SHA256 is the document's hash, in lower-case hex.
	SHA256 string `json:"sha256"`
	// ExpiresAt is in Unix milliseconds. A later streamer.get has a fresh link.
	ExpiresAt int64 `json:"expires_at"`
}

// FailedFrame is the terminal frame of a request that failed for good.
type FailedFrame struct {
	Event
	// Code says why: one of these, or the handler's own.
	Code Code `json:"code"`
	// Message says it for people, in at most MaxErrorMessage bytes.
	Message string `json:"message"`
	// Attempt is the last one.
	Attempt int `json:"attempt"`
}

// CancelledFrame is the terminal frame of a request that was cancelled. It also answers
// the streamer.cancel that ended a request which waited.
type CancelledFrame struct {
	Event
	// ID echoes the id of the message that is answered; absent where it answers none.
	ID string `json:"id,omitempty"`
}

// Error refuses a message. It never ends a request.
type Error struct {
	Answer
	// Code says why: one of these, or a sync action's own.
	Code Code `json:"code"`
	// Message says it for people.
	Message string `json:"message"`
	// Retryable says that the same message may succeed later, unchanged.
	Retryable bool `json:"retryable"`
	// Details has more about some codes; INVALID_PAYLOAD and BAD_MESSAGE name the
	// field in it.
	Details map[string]any `json:"details,omitempty"`
}

// Subscribed answers streamer.subscribe with the state as it is stored, which is at
// most one pulse old. The terminal frame follows if there is one.
type Subscribed struct {
	Answer
	// RequestID is the request that the connection watches now.
	RequestID string `json:"request_id"`
	// Status is where the request stands.
	Status Status `json:"status"`
	// Attempt counts the tries; 0 before the first.
	Attempt int `json:"attempt"`
	// Percentage is the newest that is stored.
	Percentage float64 `json:"percentage"`
	// Message is the newest that is stored.
	Message string `json:"message"`
	// Seq is that of the state: a frame of the request is news if its own is above.
	Seq int64 `json:"seq"`
}

// Unsubscribed answers streamer.unsubscribe.
type Unsubscribed struct {
	Answer
	// RequestID is the request that the connection watched.
	RequestID string `json:"request_id"`
}

// Request answers streamer.get, and streamer.cancel for a request that is running.
// Times are Unix milliseconds; those that have not come yet are absent.
type Request struct {
	Answer
	// RequestID is the request's id.
	RequestID string `json:"request_id"`
	// Action is the name that it was submitted to.
	Action string `json:"action"`
	// Status is where it stands.
	Status Status `json:"status"`
	// Attempt counts the tries; 0 before the first.
	Attempt int `json:"attempt"`
	// Percentage is the newest that is stored.
	Percentage float64 `json:"percentage"`
	// Message is the newest that is stored.
	Message string `json:"message"`
	// Seq is that of the state.
	Seq int64 `json:"seq"`
	// CreatedAt is when the request was accepted.
	CreatedAt int64 `json:"created_at"`
	// DeadlineAt is when it ends at the latest.
	DeadlineAt int64 `json:"deadline_at"`
	// StartedAt is when its first attempt started.
	StartedAt int64 `json:"started_at,omitempty"`
	// NextAt is when the next attempt may start, while the status is RETRYING.
	NextAt int64 `json:"next_at,omitempty"`
	// EndedAt is when it became terminal.
	EndedAt int64 `json:"ended_at,omitempty"`
	// Result is the result of a request that is COMPLETED, unless that is over MaxInline
	// bytes.
	Result json.RawMessage `json:"result,omitempty"`
	// ResultRef is set in place of Result for one that is.
	ResultRef *Ref `json:"result_ref,omitempty"`
	// Code says why the last attempt failed. It stays when a later one succeeds.
	Code Code `json:"code,omitempty"`
	// Error says the same for people.
	Error string `json:"error,omitempty"`
}

// Requests answers streamer.list with a page of the user's own requests, newest first.
type Requests struct {
	Answer
	// Requests are at most as many as were asked for. Where Next is set there may be fewer,
	// even none.
	Requests []Listed `json:"requests"`
	// Next asks for the page that follows; absent on the last one. It is the same user's
	// alone.
	Next string `json:"next,omitempty"`
}

// Listed is a request in a list, as it stood when the page was made. One that was just
// accepted may not be listed for a moment.
type Listed struct {
	// RequestID is the request's id.
	RequestID string `json:"request_id"`
	// Action is the name that it was submitted to.
	Action string `json:"action"`
	// Status is where the request stood.
	Status Status `json:"status"`
	// Attempt counts the tries; 0 before the first.
	Attempt int `json:"attempt"`
	// Percentage is the newest that is stored; absent while it is 0.
	Percentage float64 `json:"percentage,omitempty"`
	// Message is the newest that is stored; absent while it is empty.
	Message string `json:"message,omitempty"`
	// CreatedAt is when it was accepted, in Unix milliseconds.
	CreatedAt int64 `json:"created_at"`
	// EndedAt is when it ended, in Unix milliseconds; absent until then.
	EndedAt int64 `json:"ended_at,omitempty"`
	// Code says why the last attempt failed. It stays when a later one succeeds.
	Code Code `json:"code,omitempty"`
}

// Pong answers streamer.ping; its ts is the server's clock.
type Pong struct {
	Answer
}

// Upload answers streamer.upload: where to PUT the document, and what to send in its place.
type Upload struct {
	Answer
	// PayloadRef stands for the document in messages of the same user, from when it is
	// there until the stage's files expire.
	PayloadRef string `json:"payload_ref"`
	// URL takes one PUT of exactly the announced document, with exactly these Headers,
	// until ExpiresAt. Whoever holds it may upload that document.
	URL string `json:"url"`
	// Headers go with the PUT, unaltered.
	Headers map[string]string `json:"headers"`
	// ExpiresAt is in Unix milliseconds.
	ExpiresAt int64 `json:"expires_at"`
}

// Type implements Frame.
func (Response) Type() Type { return TypeResponse }

// Type implements Frame.
func (Accepted) Type() Type { return TypeAccepted }

// Type implements Frame.
func (Progress) Type() Type { return TypeProgress }

// Type implements Frame.
func (RetryingFrame) Type() Type { return TypeRetrying }

// Type implements Frame.
func (Complete) Type() Type { return TypeComplete }

// Type implements Frame.
func (FailedFrame) Type() Type { return TypeFailed }

// Type implements Frame.
func (CancelledFrame) Type() Type { return TypeCancelled }

// Type implements Frame.
func (Error) Type() Type { return TypeError }

// Type implements Frame.
func (Subscribed) Type() Type { return TypeSubscribed }

// Type implements Frame.
func (Unsubscribed) Type() Type { return TypeUnsubscribed }

// Type implements Frame.
func (Request) Type() Type { return TypeRequest }

// Type implements Frame.
func (Requests) Type() Type { return TypeRequests }

// Type implements Frame.
func (Pong) Type() Type { return TypePong }

// Type implements Frame.
func (Upload) Type() Type { return TypeUpload }

// Unknown is a frame of a type that this version does not know. A client skips it.
type Unknown struct {
	Name Type
	Raw  json.RawMessage
}

// Type implements Frame.
func (u Unknown) Type() Type { return u.Name }

// Encode writes a frame as one line of JSON with its type first; an Unknown one is
// written as it was read. It fails only on a result that is not JSON.
func Encode(f Frame) ([]byte, error) {
	var buf bytes.Buffer
	if u, ok := f.(Unknown); ok {
		if err := json.Compact(&buf, u.Raw); err != nil {
			return nil, fmt.Errorf("encode %s frame: %w", f.Type(), err)
		}
		return buf.Bytes(), nil
	}
	fmt.Fprintf(&buf, `{"type":%q,`, f.Type())
	head := buf.Len()
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // a result goes out as it came in
	if err := enc.Encode(f); err != nil {
		return nil, fmt.Errorf("encode %s frame: %w", f.Type(), err)
	}
	b := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	return append(b[:head], b[head+1:]...), nil // the frame's own brace is written already
}

// DecodeFrame reads a frame. A type that is not known gives Unknown; an error means
// that the bytes are no frame at all: API Gateway's own error messages are such.
func DecodeFrame(b []byte) (Frame, error) {
	var head struct {
		Type Type `json:"type"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("decode frame: %w", err)
	}
	if head.Type == "" {
		return nil, fmt.Errorf("decode frame: no type in %.100q", b)
	}
	switch head.Type {
	case TypeResponse:
		return decodeAs[Response](b)
	case TypeAccepted:
		return decodeAs[Accepted](b)
	case TypeProgress:
		return decodeAs[Progress](b)
	case TypeRetrying:
		return decodeAs[RetryingFrame](b)
	case TypeComplete:
		return decodeAs[Complete](b)
	case TypeFailed:
		return decodeAs[FailedFrame](b)
	case TypeCancelled:
		return decodeAs[CancelledFrame](b)
	case TypeError:
		return decodeAs[Error](b)
	case TypeSubscribed:
		return decodeAs[Subscribed](b)
	case TypeUnsubscribed:
		return decodeAs[Unsubscribed](b)
	case TypeRequest:
		return decodeAs[Request](b)
	case TypeRequests:
		return decodeAs[Requests](b)
	case TypePong:
		return decodeAs[Pong](b)
	case TypeUpload:
		return decodeAs[Upload](b)
	}
	return Unknown{Name: head.Type, Raw: append(json.RawMessage(nil), b...)}, nil
}

func decodeAs[F Frame](b []byte) (Frame, error) {
	var f F
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("decode %s frame: %w", f.Type(), err)
	}
	return f, nil
}
