package simulation

import (
	"strings"

	"github.com/pay-theory/streamer/protocol"
)

// person is whose a connection is, and a request.
type person struct{ tenant, user string }

// people are who may be behind the clients of a world: one of them twice, two of one
// name in two tenants.
var people = []person{{"acme", "ann"}, {"acme", "ann"}, {"acme", "ben"}, {"umbrella", "ann"}}

// pry has a client ask for a request that is somebody else's. It must learn nothing.
func (c *client) pry(id string) {
	if c.conn == nil {
		return
	}
	verbs := []string{protocol.ActionSubscribe, protocol.ActionUnsubscribe, protocol.ActionGet, protocol.ActionCancel}
	c.ask(&pending{verb: verbs[c.w.dice.IntN(len(verbs))], id: id, refusal: protocol.NotFound}, nil)
}

// borrow has a client submit what somebody else has uploaded.
func (c *client) borrow(ref string) {
	if c.conn == nil {
		return
	}
	c.ask(&pending{verb: actions[0].Name, refusal: protocol.NotFound}, func(m *protocol.Message) { m.PayloadRef = ref })
}

// blunders are messages that must be refused, and with which code.
var blunders = []struct {
	code protocol.Code
	make func(m *protocol.Message)
}{
	{protocol.UnknownAction, func(m *protocol.Message) { m.Action = "unheard_of" }},
	{protocol.BadMessage, func(m *protocol.Message) { m.DeadlineMS = 1 }},
	{protocol.InvalidPayload, func(m *protocol.Message) { m.Payload = []byte(`{"kind":7}`) }},
	{protocol.MessageTooLarge, func(m *protocol.Message) {
		m.Payload = encode(job{Kind: succeeds, Pad: strings.Repeat("p", protocol.MaxMessage)})
	}},
	{protocol.NotFound, func(m *protocol.Message) { m.Action, m.RequestID = protocol.ActionGet, "nobody's" }},
	{protocol.NotFound, func(m *protocol.Message) {
		m.Action, m.RequestID = protocol.ActionSubscribe, strings.Repeat("0", 26)
	}},
	{protocol.InvalidPayload, func(m *protocol.Message) {
		m.Action, m.Payload = protocol.ActionList, encode(protocol.List{Page: "1.2.3"})
	}},
	{protocol.InvalidPayload, func(m *protocol.Message) {
		m.Action, m.Payload = protocol.ActionUpload, []byte(`{"size":0}`)
	}},
}

// chatter has a client send something that makes no request: a ping, or a blunder.
func (c *client) chatter() {
	if c.conn == nil {
		return
	}
	if c.w.dice.IntN(4) == 0 {
		c.ask(&pending{verb: protocol.ActionPing}, nil)
		return
	}
	b := blunders[c.w.dice.IntN(len(blunders))]
	c.ask(&pending{verb: actions[0].Name, refusal: b.code}, b.make)
}
