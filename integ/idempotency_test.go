package integ_test

import (
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

func TestSameKeyIsTheSameRequest(t *testing.T) {
	t.Parallel()
	u := fresh()
	first, second := dial(t, u), dial(t, u)
	m := protocol.Message{Action: "echo_async", IdempotencyKey: "order 4711 ~", Payload: object(t, echoAsync{"once", 2000, 4})}
	a := as[protocol.Accepted](t, first.ask(t, m))
	m.Payload = json.RawMessage(" " + string(m.Payload) + "\n") // the same JSON
	f := second.ask(t, m)
	b := as[protocol.Accepted](t, f)
	if a.Duplicate || !b.Duplicate || b.RequestID != a.RequestID {
		t.Errorf("first %+v, then %s", a, f.raw)
	}
	// Whoever repeats watches too.
	sameEnd(t, first.end(t, a.RequestID), second.end(t, a.RequestID))

	// After the end, the answer comes with the terminal frame.
	third := dial(t, u)
	if c := as[protocol.Accepted](t, third.ask(t, m)); !c.Duplicate || c.RequestID != a.RequestID || c.Status != protocol.Completed {
		t.Errorf("after the end: %+v", c)
	}
	sameEnd(t, first.end(t, a.RequestID), third.end(t, a.RequestID))

	other := m
	other.Payload = object(t, echoAsync{"twice", 2000, 4})
	refused(t, first.ask(t, other), protocol.IdempotencyMismatch)

	if rows := requestsOf(t, first); len(rows) != 1 || rows[0].id != a.RequestID || rows[0].attempt != "1" {
		t.Errorf("the tenant's requests are %+v", rows)
	}
}

func TestSameKeySentAtOnceIsOneRequest(t *testing.T) {
	t.Parallel()
	clients := crowd(t, fresh(), 8)
	m := protocol.Message{Action: "echo_async", ID: "k", IdempotencyKey: "race", Payload: object(t, echoAsync{"once", 500, 2})}
	for _, c := range clients {
		c.send(t, m)
	}
	ids, first := map[string]int{}, 0
	for _, c := range clients {
		a := as[protocol.Accepted](t, c.wait(t, "accepted", func(f frame) bool { return f.ID == "k" }))
		ids[a.RequestID]++
		if !a.Duplicate {
			first++
		}
	}
	if len(ids) != 1 || first != 1 {
		t.Errorf("%d were first, ids %v", first, ids)
	}
	for id := range ids {
		for _, c := range clients {
			as[protocol.Complete](t, c.end(t, id))
		}
	}
	if rows := requestsOf(t, clients[0]); len(rows) != 1 {
		t.Errorf("the tenant's requests are %+v", rows)
	}
}

func TestKeyIsItsUsersOwn(t *testing.T) {
	t.Parallel()
	u := fresh()
	ids := map[string]bool{}
	for _, who := range []user{u, {u.tenant, "bob"}, {fresh().tenant, u.name}} {
		c := dial(t, who)
		a := as[protocol.Accepted](t, c.ask(t, protocol.Message{Action: "echo_async", IdempotencyKey: "k", Payload: object(t, echoAsync{"mine", 0, 1})}))
		if a.Duplicate || ids[a.RequestID] {
			t.Errorf("%v shares a request: %+v", who, a)
		}
		ids[a.RequestID] = true
		as[protocol.Complete](t, c.end(t, a.RequestID))
	}
}
