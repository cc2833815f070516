package main

import (
	"fmt"
	"go/constant"
	"go/types"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/pay-theory/streamer/protocol"
)

// message is one that a client sends, to one of Streamer's own actions.
type message struct {
	name        string // of its schema
	action      string
	description string
	answers     []protocol.Type
}

// own says of each of Streamer's own actions what its message must have, and what answers it
// beside an error.
var own = []struct {
	action  string
	about   bool   // a request
	payload string // the type in package protocol
	answers []protocol.Type
}{
	{action: protocol.ActionSubscribe, about: true, answers: []protocol.Type{protocol.TypeSubscribed}},
	{action: protocol.ActionUnsubscribe, about: true, answers: []protocol.Type{protocol.TypeUnsubscribed}},
	{action: protocol.ActionGet, about: true, answers: []protocol.Type{protocol.TypeRequest}},
	{action: protocol.ActionCancel, about: true, answers: []protocol.Type{protocol.TypeCancelled, protocol.TypeRequest}},
	{action: protocol.ActionList, payload: "List", answers: []protocol.Type{protocol.TypeRequests}},
	{action: protocol.ActionPing, answers: []protocol.Type{protocol.TypePong}},
	{action: protocol.ActionUpload, payload: "Announcement", answers: []protocol.Type{protocol.TypeUpload}},
}

// What answers an action that is not Streamer's own, beside an error.
const (
	answersSync  = protocol.TypeResponse
	answersAsync = protocol.TypeAccepted
)

// bounds are what is checked of a member and its type does not say.
var bounds = map[string]func(*jsonschema.Schema){
	"Message.action": func(s *jsonschema.Schema) { s.Pattern = protocol.ActionName().String() },
	"Message.id":     func(s *jsonschema.Schema) { s.MaxLength = jsonschema.Ptr(protocol.MaxID) },
	"Message.idempotency_key": func(s *jsonschema.Schema) {
		s.Pattern, s.MaxLength = "^[ -~]+$", jsonschema.Ptr(protocol.MaxIdempotencyKey)
	},
	"Message.deadline_ms": between(protocol.MinDeadline.Milliseconds(), protocol.MaxDeadline.Milliseconds()),
	"List.status": func(s *jsonschema.Schema) {
		s.Type, s.AnyOf = "", []*jsonschema.Schema{{Enum: []any{protocol.ListOpen, protocol.ListEnded}}, ref("Status")}
	},
	"List.limit":                between(1, protocol.MaxList),
	"Announcement.size":         between(1, protocol.MaxUpload),
	"Announcement.sha256":       func(s *jsonschema.Schema) { s.Pattern = "^[0-9a-f]{64}$" },
	"Announcement.content_type": func(s *jsonschema.Schema) { s.Enum = []any{"application/json"} },
	"ProgressFrame.percentage":  between(0, 100),
	"ProgressFrame.message":     func(s *jsonschema.Schema) { s.MaxLength = jsonschema.Ptr(protocol.MaxProgressMessage) },
}

func between(least, most int64) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) {
		s.Minimum, s.Maximum = jsonschema.Ptr(float64(least)), jsonschema.Ptr(float64(most))
	}
}

func (w *wire) readMessages() error {
	w.role = ofPayload
	defer func() { w.role = ofFrame }()
	scope := w.src.protocol.Types.Scope()
	if _, err := w.of(scope.Lookup("Message").Type()); err != nil {
		return err
	}
	for _, o := range own {
		m := message{action: o.action, answers: o.answers}
		m.name = title(strings.TrimPrefix(o.action, protocol.ReservedPrefix)) + "Message"
		def := &jsonschema.Schema{
			AllOf:         []*jsonschema.Schema{ref("Message")},
			Properties:    map[string]*jsonschema.Schema{"action": {Const: jsonschema.Ptr[any](o.action)}},
			PropertyOrder: []string{"action"},
			Required:      []string{"action"},
		}
		if o.about {
			def.Required = append(def.Required, "request_id")
		}
		if o.payload != "" {
			payload, err := w.of(scope.Lookup(o.payload).Type())
			if err != nil {
				return err
			}
			def.Properties["payload"] = payload
			def.PropertyOrder = append(def.PropertyOrder, "payload")
			if w.defs[o.payload].Required != nil {
				def.Required = append(def.Required, "payload")
			}
		}
		w.defs[m.name] = def
		w.messages = append(w.messages, m)
	}
	if err := w.describeMessages(); err != nil {
		return err
	}
	for at, bound := range bounds {
		def, member, _ := strings.Cut(at, ".")
		if w.defs[def] == nil || w.defs[def].Properties[member] == nil {
			return fmt.Errorf("bounds of %s: there is no such member", at)
		}
		bound(w.defs[def].Properties[member])
	}
	return w.checkAnswers()
}

// describeMessages takes the descriptions of Streamer's own actions from the constants, and
// finds out if one is missing here.
func (w *wire) describeMessages() error {
	scope := w.src.protocol.Types.Scope()
	for _, name := range scope.Names() {
		c, ok := scope.Lookup(name).(*types.Const)
		if !ok || !strings.HasPrefix(name, "Action") {
			continue
		}
		m := w.message(constant.StringVal(c.Val()))
		if m == nil {
			return fmt.Errorf("%s: say in own what answers it", name)
		}
		var err error
		if m.description, err = w.describe(c); err != nil {
			return err
		}
		w.defs[m.name].Description = m.description
	}
	return nil
}

func (w *wire) message(action string) *message {
	for i := range w.messages {
		if w.messages[i].action == action {
			return &w.messages[i]
		}
	}
	return nil
}

// checkAnswers finds frames that nothing is said to be answered with.
func (w *wire) checkAnswers() error {
	answers := map[protocol.Type]bool{answersSync: true, answersAsync: true, protocol.TypeError: true}
	for _, m := range w.messages {
		for _, typ := range m.answers {
			answers[typ] = true
		}
	}
	for _, f := range w.frames {
		if !f.event && !answers[f.typ] {
			return fmt.Errorf("frame %s: say in own what it answers", f.typ)
		}
	}
	return nil
}
