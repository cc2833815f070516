package integ_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/pay-theory/streamer/protocol"
)

// document is what the protocol's document says of the frames: what each looks like, and
// what an action is answered with. What a stage sends is held to it.
type document struct {
	frames  map[protocol.Type]*jsonschema.Resolved
	answers map[string][]protocol.Type
}

var theDocument = sync.OnceValues(func() (*document, error) {
	text, err := os.ReadFile("../protocol/asyncapi.json")
	if err != nil {
		return nil, err
	}
	type reference struct {
		Ref string `json:"$ref"`
	}
	var doc struct {
		Operations map[string]struct {
			Reply struct{ Messages []reference }
		}
		Components struct {
			Messages map[string]struct{ Payload json.RawMessage }
			Schemas  map[string]*jsonschema.Schema
		}
	}
	// Schemas stand where AsyncAPI wants them; JSON Schema has them under $defs.
	if err := json.Unmarshal([]byte(strings.ReplaceAll(string(text), "#/components/schemas/", "#/$defs/")), &doc); err != nil {
		return nil, err
	}
	d := &document{frames: map[protocol.Type]*jsonschema.Resolved{}, answers: map[string][]protocol.Type{}}
	named := map[string]protocol.Type{} // the frames' types by the names of their schemas
	for name, schema := range doc.Components.Schemas {
		if typ := schema.Properties["type"]; typ != nil && typ.Const != nil {
			named[name] = protocol.Type((*typ.Const).(string))
			its := &jsonschema.Schema{Ref: "#/$defs/" + name, Defs: doc.Components.Schemas}
			if d.frames[named[name]], err = its.CloneSchemas().Resolve(nil); err != nil {
				return nil, fmt.Errorf("schema of %s: %w", name, err)
			}
		}
	}
	for action, operation := range doc.Operations {
		for _, message := range operation.Reply.Messages {
			name := message.Ref[strings.LastIndex(message.Ref, "/")+1:]
			if strings.HasSuffix(name, ".result") { // a response with a type of its own
				name = "ResponseFrame"
			}
			d.answers[action] = append(d.answers[action], named[name])
		}
	}
	return d, nil
})

// documented fails if a frame is not as the document says.
func documented(typ protocol.Type, raw []byte) error {
	d, err := theDocument()
	if err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	frame := map[string]any{}
	for name, value := range members {
		frame[name] = nil
		if name == "result" {
			continue // is anything, numbers that Go has none for included
		}
		var member any
		if err := json.Unmarshal(value, &member); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		frame[name] = member
	}
	its := d.frames[typ]
	if its == nil {
		return fmt.Errorf("the document has no %s frame", typ)
	}
	if err := its.Validate(frame); err != nil {
		return fmt.Errorf("a %s frame is not as the document says: %w: %.500s", typ, err, raw)
	}
	return nil
}

// checkAnswer fails the test if the document does not have that answer to an action.
func checkAnswer(t *testing.T, action string, answer protocol.Type) {
	t.Helper()
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	answers, has := d.answers[action]
	if !has { // an action that the sample app has not
		answers = slices.Concat(d.answers["Call"], d.answers["Submit"])
	}
	if !slices.Contains(answers, answer) {
		t.Errorf("%s is answered with a %s frame: the document has %v", action, answer, answers)
	}
}

// The document would find a frame that is otherwise.
func TestDocumentIsHeldAgainst(t *testing.T) {
	for raw, good := range map[string]bool{
		`{"type":"pong","id":"m1","ts":1}`:           true,
		`{"type":"pong","id":"m1","ts":1,"later":1}`: true,
		`{"type":"pong","id":"m1"}`:                  false,
		`{"type":"pong","id":5,"ts":1}`:              false,
		`{"type":"later"}`:                           false,
	} {
		var head struct{ Type protocol.Type }
		if err := json.Unmarshal([]byte(raw), &head); err != nil {
			t.Fatal(err)
		}
		if err := documented(head.Type, []byte(raw)); (err == nil) != good {
			t.Errorf("%s: err is %v", raw, err)
		}
	}
}
