package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/pay-theory/streamer/protocol"
)

// The parts of an AsyncAPI 3.0 document that this one has
// (https://www.asyncapi.com/docs/reference/specification/v3.0.0).
type (
	asyncAPI struct {
		AsyncAPI           string               `json:"asyncapi"`
		Info               info                 `json:"info"`
		DefaultContentType string               `json:"defaultContentType"`
		Servers            map[string]server    `json:"servers"`
		Channels           map[string]channel   `json:"channels"`
		Operations         map[string]operation `json:"operations"`
		Components         components           `json:"components"`
	}
	info struct {
		Title       string            `json:"title"`
		Version     string            `json:"version"`
		Description string            `json:"description"`
		License     map[string]string `json:"license"`
	}
	server struct {
		Host      string                       `json:"host"`
		Pathname  string                       `json:"pathname"`
		Protocol  string                       `json:"protocol"`
		Variables map[string]map[string]string `json:"variables"`
		Security  []reference                  `json:"security"`
	}
	reference struct {
		Ref string `json:"$ref"`
	}
	channel struct {
		Address     string               `json:"address"`
		Description string               `json:"description"`
		Messages    map[string]reference `json:"messages"`
		Bindings    map[string]any       `json:"bindings"`
		Limits      map[string]described `json:"x-limits"`
	}
	operation struct {
		Action      string      `json:"action"`
		Channel     reference   `json:"channel"`
		Description string      `json:"description,omitempty"`
		Messages    []reference `json:"messages"`
		Reply       *reply      `json:"reply,omitempty"`
		Async       bool        `json:"x-async,omitempty"`
		TimeoutMS   int64       `json:"x-timeout-ms,omitempty"`
		Attempts    int         `json:"x-attempts,omitempty"`
	}
	reply struct {
		Channel  reference   `json:"channel"`
		Messages []reference `json:"messages"`
	}
	components struct {
		Messages        map[string]payload            `json:"messages"`
		Schemas         map[string]*jsonschema.Schema `json:"schemas"`
		SecuritySchemes map[string]map[string]string  `json:"securitySchemes"`
	}
	payload struct {
		Name          string             `json:"name"`
		Description   string             `json:"description,omitempty"`
		CorrelationID map[string]string  `json:"correlationId,omitempty"`
		Payload       *jsonschema.Schema `json:"payload"`
		Examples      []example          `json:"examples,omitempty"`
	}
	example struct {
		Name    string          `json:"name"`
		Payload json.RawMessage `json:"payload"`
	}
)

const theChannel = "connection"

func channelRef() reference { return reference{"#/channels/" + theChannel} }

// asyncAPI is the document of a client: what it sends, what it receives for that, and what
// it receives else.
func (w *wire) asyncAPI() ([]byte, error) {
	b := builder{
		wire: w,
		doc: asyncAPI{
			AsyncAPI: "3.0.0",
			Info: info{
				Title:       "Streamer",
				Version:     strings.TrimPrefix(protocol.Subprotocol, protocol.ReservedPrefix),
				Description: w.about + "\n\nThis document describes a client: it sends messages, and receives frames. It is made by scripts/protocol from the Go sources.",
				License:     map[string]string{"name": "Apache-2.0"},
			},
			DefaultContentType: "application/json",
			Servers: map[string]server{"stage": {
				Host: "{api}.execute-api.{region}.amazonaws.com", Pathname: "/{stage}", Protocol: "wss",
				Variables: map[string]map[string]string{
					"api":    {"description": "The WebSocket API's id: the whole URL is the stack's output WebSocketUrl."},
					"region": {"description": "The AWS Region."},
					"stage":  {"description": "The stage of the API."},
				},
				Security: []reference{{"#/components/securitySchemes/query"}, {"#/components/securitySchemes/bearer"}, {"#/components/securitySchemes/subprotocol"}},
			}},
			Operations: map[string]operation{},
			Components: components{
				Messages: map[string]payload{},
				Schemas:  w.defs,
				SecuritySchemes: map[string]map[string]string{
					"query":       {"type": "httpApiKey", "in": "query", "name": "token", "description": "A JWT."},
					"bearer":      {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
					"subprotocol": {"type": "httpApiKey", "in": "header", "name": "Sec-WebSocket-Protocol", "description": fmt.Sprintf("%q, and the JWT behind %q. The server echoes the first alone.", protocol.Subprotocol, protocol.SubprotocolBearer)},
				},
			},
		},
	}
	if err := b.messages(); err != nil {
		return nil, err
	}
	b.operations()
	b.channel()
	text, err := pretty(b.doc)
	return bytes.ReplaceAll(text, []byte(`"`+refPrefix), []byte(`"#/components/schemas/`)), err
}

// builder makes an AsyncAPI document of what travels.
type builder struct {
	*wire
	doc asyncAPI
}

// channel is the connection: all messages of all operations travel on it.
func (b *builder) channel() {
	c := channel{
		Address:     "/",
		Description: "One WebSocket, with JSON in text frames both ways.",
		Messages:    map[string]reference{},
		Bindings: map[string]any{"ws": map[string]any{
			"method": "GET",
			"query": &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{
				"token": {Type: "string", Description: "A JWT, unless it travels otherwise."},
			}},
			"bindingVersion": "0.1.0",
		}},
		Limits: b.limitsByName(),
	}
	for name := range b.doc.Components.Messages {
		c.Messages[name] = reference{"#/components/messages/" + name}
	}
	b.doc.Channels = map[string]channel{theChannel: c}
}

// messages are the messages and the frames, and those of each action with its own types.
func (b *builder) messages() error {
	examples, err := b.examples()
	if err != nil {
		return err
	}
	answer, event := map[string]string{"location": "$message.payload#/id"}, map[string]string{"location": "$message.payload#/ref"}
	all := b.doc.Components.Messages
	add := func(m payload, examples []example) {
		m.Examples = examples
		all[m.Name] = m
	}
	add(payload{Name: "Message", Description: b.defs["Message"].Description, CorrelationID: answer, Payload: ref("Message")}, examples[""])
	for _, m := range b.wire.messages {
		add(payload{Name: m.name, Description: m.description, CorrelationID: answer, Payload: ref(m.name)}, examples[m.action])
	}
	for _, f := range b.frames {
		m := payload{Name: f.name, Description: b.defs[f.name].Description, CorrelationID: answer, Payload: ref(f.name)}
		if f.event {
			m.CorrelationID = event
		}
		add(m, examples[f.name])
	}
	for _, a := range b.actions {
		add(payload{Name: a.Name, Description: a.description, CorrelationID: answer, Payload: a.message()}, examples[a.Name])
		end := payload{Name: a.Name + ".result", Description: "The result of " + a.Name + ".", CorrelationID: answer, Payload: a.end()}
		if a.Async {
			end.CorrelationID = event
		}
		add(end, nil)
	}
	return nil
}

// message is the schema of the message that asks for an action.
func (a action) message() *jsonschema.Schema {
	name := any(a.Name)
	return &jsonschema.Schema{
		AllOf: []*jsonschema.Schema{ref("Message")},
		Properties: map[string]*jsonschema.Schema{
			"action":  {Const: &name},
			"payload": a.payload,
		},
		Required: []string{"action"}, // the payload may be a reference to one
	}
}

// end is the schema of the frame with an action's result, which is null if that is large.
func (a action) end() *jsonschema.Schema {
	frame, result := "ResponseFrame", a.result
	if a.Async {
		frame = "CompleteFrame"
		result = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{a.result, {Type: "null"}}}
	}
	return &jsonschema.Schema{AllOf: []*jsonschema.Schema{ref(frame)}, Properties: map[string]*jsonschema.Schema{"result": result}}
}

// operations are what a client can do. Names of actions begin with small letters, so the
// others' do not.
func (b *builder) operations() {
	b.send("Call", "Message", "Asks for a sync action.", answersSync)
	b.send("Submit", "Message", "Asks for an async action, whose frames follow.", answersAsync)
	var events []string
	for _, f := range b.frames {
		if f.event {
			events = append(events, f.name)
		}
	}
	b.doc.Operations["Watch"] = operation{
		Action: "receive", Channel: channelRef(), Messages: onChannel(events...),
		Description: "What becomes of the requests that the connection submitted, or subscribed to.",
	}
	for _, m := range b.wire.messages {
		b.send(m.action, m.name, m.description, m.answers...)
	}
	for _, a := range b.actions {
		answers := answersSync
		if a.Async {
			answers = answersAsync
			b.doc.Operations[a.Name+".result"] = operation{Action: "receive", Channel: channelRef(), Messages: onChannel(a.Name + ".result")}
		}
		b.send(a.Name, a.Name, a.description, answers)
		op := b.doc.Operations[a.Name]
		op.Async, op.TimeoutMS, op.Attempts = a.Async, a.Timeout.Milliseconds(), a.Attempts
		if !a.Async {
			op.Reply.Messages[0] = onChannel(a.Name + ".result")[0]
		}
		b.doc.Operations[a.Name] = op
	}
}

func (b *builder) send(name, message, description string, answers ...protocol.Type) {
	var frames []string
	for _, typ := range answers {
		frames = append(frames, frameName(typ))
	}
	b.doc.Operations[name] = operation{
		Action: "send", Channel: channelRef(), Description: description, Messages: onChannel(message),
		Reply: &reply{Channel: channelRef(), Messages: onChannel(append(frames, frameName(protocol.TypeError))...)},
	}
}

func onChannel(names ...string) (refs []reference) {
	for _, name := range names {
		refs = append(refs, reference{"#/channels/" + theChannel + "/messages/" + name})
	}
	return refs
}

// examples are the golden frames by the names of their schemas, and the golden messages by
// their actions; those of any action of somebody's own are also under "".
func (b *builder) examples() (map[string][]example, error) {
	goldens := filepath.Join(filepath.Dir(b.src.protocol.GoFiles[0]), "testdata")
	found := map[string][]example{}
	files, err := filepath.Glob(filepath.Join(goldens, "*.json"))
	if err != nil {
		return nil, err
	}
	messages, err := filepath.Glob(filepath.Join(goldens, "messages", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range append(files, messages...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var head struct {
			Type   protocol.Type
			Action string
		}
		if err := json.Unmarshal(text, &head); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		e := example{strings.TrimSuffix(filepath.Base(file), ".json"), text}
		if head.Action != "" && !strings.HasPrefix(head.Action, protocol.ReservedPrefix) {
			found[""] = append(found[""], e)
		}
		key := head.Action
		if head.Type != "" {
			key = frameName(head.Type)
		}
		found[key] = append(found[key], e)
	}
	return found, nil
}
