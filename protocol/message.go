package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// ReservedPrefix begins the actions that are Streamer's own.
const ReservedPrefix = "streamer."

// Streamer's own actions. But for ActionList, ActionPing and ActionUpload they are about
// the request that the message's RequestID names, one of the same user's: any other is
// NOT_FOUND.
const (
	// ActionSubscribe makes the connection a watcher of a request.
	ActionSubscribe = "streamer.subscribe"
	// ActionUnsubscribe ends that. The request goes on.
	ActionUnsubscribe = "streamer.unsubscribe"
	// ActionGet asks for a request as it is stored, with a fresh link to a large result.
	ActionGet = "streamer.get"
	// ActionCancel cancels a request: at once if it waits. One that runs is asked to stop.
	ActionCancel = "streamer.cancel"
	// ActionList lists the user's own requests, newest first, page by page.
	ActionList = "streamer.list"
	// ActionPing keeps a connection alive, and tells whether the other side is there.
	ActionPing = "streamer.ping"
	// ActionUpload announces a payload that is too large for a message.
	ActionUpload = "streamer.upload"
)

// Message is what a client sends.
type Message struct {
	// Action names what to do: 1 to MaxActionName characters of a-z, 0-9, "_", "-"
	// and ".", the first a letter.
	Action string `json:"action"`
	// ID is the client's own name for this message, at most MaxID bytes. Answers echo
	// it as id, frames of the request as ref.
	ID string `json:"id,omitempty"`
	// Payload is the action's input, as it was written. Null is the same as none.
	Payload json.RawMessage `json:"payload,omitempty"`
	// IdempotencyKey makes an async request safe to send again: the same key, from the
	// same user, for the same action, is the same request.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	// DeadlineMS is how long after its acceptance the request may take, waiting
	// included, in milliseconds. Zero means DefaultDeadline.
	DeadlineMS int64 `json:"deadline_ms,omitempty"`
	// RequestID is the request that one of Streamer's own actions is about. It may
	// also be written as the payload's request_id.
	RequestID string `json:"request_id,omitempty"`
	// PayloadRef stands in place of Payload for one that does not fit into a message: the
	// payload_ref that streamer.upload answered, once the document is there.
	PayloadRef string `json:"payload_ref,omitempty"`
	// Traceparent is the client's own place in a trace, as the header of that name in W3C
	// Trace Context: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01". Where the
	// message is traced, that trace is continued. One that is malformed is ignored.
	Traceparent string `json:"traceparent,omitempty"`
}

// Announcement is the payload of ActionUpload: what the document will be.
type Announcement struct {
	// Size is the document's length in bytes, 1 to MaxUpload.
	Size int64 `json:"size"`
	// SHA256 is the document's hash, in 64 digits of lower-case hex.
	SHA256 string `json:"sha256"`
	// ContentType may be absent, and is application/json.
	ContentType string `json:"content_type,omitempty"`
}

// List is the payload of ActionList. It may be absent.
type List struct {
	// Status narrows the list to ListOpen, to ListEnded, or to one Status. Empty lists all.
	Status string `json:"status,omitempty"`
	// Limit is how many requests the page has at most, 1 to MaxList. Zero means DefaultList.
	Limit int `json:"limit,omitempty"`
	// Page is the next of the page before. Empty begins with the newest request.
	Page string `json:"page,omitempty"`
}

// What a list may be narrowed to, besides one status: the requests that can still change,
// and those that cannot.
const (
	ListOpen  = "open"
	ListEnded = "ended"
)

// ActionName returns the shape of an action's name.
var ActionName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,63}$`) })

// RefusedError says why a message was not understood. Every field that DecodeMessage
// could read before it gave up stands in the returned message, so that the answer
// can carry its id.
type RefusedError struct {
	Code Code
	// Field names the member that is wrong; empty if the message as a whole is.
	Field string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error implements error.
func (e *RefusedError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// DecodeMessage reads what a client sent and refuses what it does not fully
// understand: other things than one JSON object, invalid UTF-8, fields that are
// unknown or doubled, nesting over MaxDepth, lengths over their limits. The error is
// always a *RefusedError.
func DecodeMessage(b []byte) (Message, error) {
	m, err := decode(b)
	if err == nil {
		return m, nil
	}
	if m.ID == "" {
		m.ID = idOf(b)
	}
	if len(m.ID) > MaxID {
		m.ID = ""
	}
	return m, err
}

func decode(b []byte) (Message, error) {
	var m Message
	if len(b) > MaxMessage {
		return m, &RefusedError{Code: MessageTooLarge, Problem: fmt.Sprintf("the message has %d bytes, the limit is %d", len(b), MaxMessage)}
	}
	if err := scan(b, "message"); err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		field, problem := FieldError(err)
		return m, refuse(field, problem)
	}
	if bytes.Equal(m.Payload, []byte("null")) {
		m.Payload = nil
	}
	return m, m.Check()
}

// idOf reads the id of a message that is JSON but wrong in another way, so that its
// sender can tell which one was refused.
func idOf(b []byte) (id string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(b, &members) != nil || json.Unmarshal(members["id"], &id) != nil {
		return ""
	}
	return id
}

// Check says which member is out of its limits. The payload is not looked at. The error is
// always a *RefusedError.
func (m *Message) Check() error {
	switch {
	case len(m.ID) > MaxID:
		return refuse("id", fmt.Sprintf("longer than %d bytes", MaxID))
	case m.Action == "":
		return refuse("action", `missing: a message looks like {"action":"echo","payload":{}}`)
	case !ActionName().MatchString(m.Action):
		return refuse("action", fmt.Sprintf("not a name: 1 to %d of a-z, 0-9, _, - and ., the first a letter", MaxActionName))
	case m.IdempotencyKey != "" && !printable(m.IdempotencyKey):
		return refuse("idempotency_key", fmt.Sprintf("not 1 to %d printable ASCII characters", MaxIdempotencyKey))
	case m.PayloadRef != "" && m.Payload != nil:
		return refuse("payload_ref", "the message has a payload of its own: send one of the two")
	case m.PayloadRef != "" && strings.HasPrefix(m.Action, ReservedPrefix):
		return refuse("payload_ref", "Streamer's own actions take none")
	case m.DeadlineMS != 0 && (m.DeadlineMS < MinDeadline.Milliseconds() || m.DeadlineMS > MaxDeadline.Milliseconds()):
		return refuse("deadline_ms", fmt.Sprintf("not %d to %d milliseconds (%s to %s)",
			MinDeadline.Milliseconds(), MaxDeadline.Milliseconds(), MinDeadline, MaxDeadline.Round(time.Hour)))
	}
	return nil
}

// SetDeadline makes d the message's DeadlineMS, in whole milliseconds. Zero is the default;
// what is less than a millisecond, such as a number of seconds without its unit, is not, and
// so is out of the limits.
func (m *Message) SetDeadline(d time.Duration) {
	m.DeadlineMS = d.Milliseconds()
	if m.DeadlineMS == 0 && d != 0 {
		m.DeadlineMS = 1
	}
}

func printable(key string) bool {
	if len(key) > MaxIdempotencyKey {
		return false
	}
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return false
		}
	}
	return true
}

// fields are the members that a message may have, spelled exactly so.
var fields = []string{"action", "id", "payload", "idempotency_key", "deadline_ms", "request_id", "payload_ref", "traceparent"}

// payloadField is the message's member that a payload is, wherever it travels.
const payloadField = "payload"

// DecodePayload reads a payload that was uploaded, and refuses what it would not take
// inside a message: other things than one JSON value, invalid UTF-8, doubled members,
// nesting over what a message leaves to its payload. A null is nil, as if there were
// none. The error is always a *RefusedError.
func DecodePayload(b []byte) (json.RawMessage, error) {
	if len(b) > MaxUpload {
		return nil, &RefusedError{Code: MessageTooLarge, Field: payloadField, Problem: fmt.Sprintf("the payload has %d bytes, the limit is %d", len(b), MaxUpload)}
	}
	if err := scan(b, payloadField); err != nil {
		return nil, err
	}
	if b = bytes.Trim(b, " \t\r\n"); bytes.Equal(b, []byte("null")) {
		return nil, nil
	}
	return b, nil
}

// scan walks a whole document once: no deeper than MaxDepth, no member twice in one
// object. A message must be one object, with no unknown member at the top; a payload may
// be any value. encoding/json lets all of them pass, or takes a name in other letters for
// the same.
func scan(b []byte, what string) error {
	whole, most, isMessage := "", MaxDepth, what != payloadField
	if !isMessage {
		whole, most = payloadField, MaxDepth-1
	}
	if !utf8.Valid(b) {
		return refuse(whole, "the "+what+" is not valid UTF-8")
	}
	type level struct {
		seen map[string]bool // nil for an array
		name string          // of the member that is being read
		key  bool            // the next token is a member's name
	}
	var levels []level
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	for first := true; ; first = false {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) && !first && len(levels) == 0 {
			return nil
		}
		if err != nil {
			return refuse(whole, "the "+what+" is not JSON: "+plain(err))
		}
		if len(levels) == 0 && !first {
			return refuse(whole, "the "+what+" has more than one JSON value")
		}
		if first && isMessage && tok != json.Delim('{') {
			return refuse("", "the message is not a JSON object")
		}
		var top *level
		if len(levels) > 0 {
			top = &levels[len(levels)-1]
		}
		if top != nil && top.key {
			if name, ok := tok.(string); ok {
				if isMessage && len(levels) == 1 && !slices.Contains(fields, name) {
					return refuse(clip(name), "unknown field: a message may have "+strings.Join(fields, ", "))
				}
				top.name = name
				if top.seen[name] {
					var path []string
					if !isMessage {
						path = append(path, payloadField)
					}
					for _, l := range levels {
						if l.seen != nil {
							path = append(path, l.name)
						}
					}
					return refuse(clip(strings.Join(path, ".")), "stands twice in one object")
				}
				top.seen[name] = true
				top.key = false
				continue
			}
		}
		switch tok {
		case json.Delim('{'):
			levels = append(levels, level{seen: map[string]bool{}, key: true})
		case json.Delim('['):
			levels = append(levels, level{})
		case json.Delim('}'), json.Delim(']'):
			levels = levels[:len(levels)-1]
		}
		if len(levels) > most {
			return refuse(whole, fmt.Sprintf("the %s nests deeper than %d", what, most))
		}
		if tok != json.Delim('{') && tok != json.Delim('[') && len(levels) > 0 {
			if top := &levels[len(levels)-1]; top.seen != nil {
				top.key = true
			}
		}
	}
}

func refuse(field, problem string) *RefusedError {
	return &RefusedError{Code: BadMessage, Field: field, Problem: problem}
}

// FieldError tells which member encoding/json stumbled over, as a dotted path, and
// what a client should know about it. The field is empty if the error names none; of
// an unknown field encoding/json tells its name alone. Neither grows with the input.
func FieldError(err error) (field, problem string) {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return clip(wrong.Field), fmt.Sprintf("%s stands where %s belongs", found(wrong.Value), expected(wrong.Type.Kind()))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if unquoted, err := strconv.Unquote(name); err == nil {
			name = unquoted
		}
		return clip(name), "unknown field"
	}
	return "", plain(err)
}

// found names the JSON value of an UnmarshalTypeError: "number" or "number 1.5", as it
// is the kind or the value that does not fit.
func found(value string) string {
	kind, literal, _ := strings.Cut(value, " ")
	switch {
	case literal != "":
		return clip(literal)
	case kind == "bool":
		return "a boolean"
	case kind == "object" || kind == "array":
		return "an " + kind
	}
	return "a " + kind
}

func expected(k reflect.Kind) string {
	switch {
	case k == reflect.Struct || k == reflect.Map:
		return "an object"
	case k == reflect.Slice || k == reflect.Array:
		return "an array"
	case k == reflect.Bool:
		return "a boolean"
	case k >= reflect.Int && k <= reflect.Uint64:
		return "a whole number (" + k.String() + ")"
	case k == reflect.Float32 || k == reflect.Float64:
		return "a number"
	}
	return "a " + k.String()
}

// clip keeps what a client wrote from filling the frame that refuses it.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func plain(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "it ends too early"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}
