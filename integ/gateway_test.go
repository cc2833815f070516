package integ_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// held is how long a call is held up so that another overtakes it.
const held = 4 * time.Second

// A message does not wait for one that was sent before it on the same connection.
func TestMessagesOfOneConnectionRunAtOnce(t *testing.T) {
	t.Parallel()
	s := local(t, "calls that may be delayed")
	u, mark := marked()
	set := faults(t, s, front.Rule{
		Operation: "dynamodb.PutItem", Contains: []string{mark, "META"}, Count: 1, Fault: front.FaultDelay, DelayMS: int(held.Milliseconds()),
	})
	c := dial(t, u)
	first := c.send(t, order(t, mark, "slow", 0))
	awaitHits(t, s, set, 1)
	c.ping(t)
	if answered := c.frames(func(f frame) bool { return f.ID == first }); len(answered) != 0 {
		t.Errorf("the first message was answered before the second: %s", answered[0].raw)
	}
	id := as[protocol.Accepted](t, c.wait(t, "accepted", func(f frame) bool { return f.ID == first })).RequestID
	as[protocol.Complete](t, c.end(t, id))
	settle(t, c)
	consistent(t, historyOf(row(t, c, id), c), true)
}

// However many messages are sent at once, each gets one answer of its own.
func TestManyMessagesAtOnceAreEachAnsweredOnce(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	var sent []protocol.Message
	for i := range 20 {
		m := protocol.Message{ID: fmt.Sprintf("at-once-%d", i)}
		switch i % 4 {
		case 0:
			m.Action, m.Payload = "echo", object(t, echoAsync{m.ID, 0, 1})
		case 1:
			m.Action, m.Payload = "echo_async", object(t, echoAsync{m.ID, 0, 1})
		case 2:
			m.Action = protocol.ActionPing
		case 3:
			m.Action = "nothing"
		}
		sent = append(sent, m)
	}
	for _, m := range sent {
		c.send(t, m)
	}
	want := []protocol.Type{protocol.TypeResponse, protocol.TypeAccepted, protocol.TypePong, protocol.TypeError}
	for i, m := range sent {
		f := c.wait(t, "the answer to "+m.ID, func(f frame) bool { return f.ID == m.ID })
		if f.Type() != want[i%4] {
			t.Errorf("%s %s is answered by %s", m.ID, m.Action, f.raw)
		}
		if f.Type() == protocol.TypeAccepted {
			as[protocol.Complete](t, c.end(t, f.RequestID))
		}
	}
	settle(t, c)
	for _, m := range sent {
		if n := len(c.frames(func(f frame) bool { return f.ID == m.ID })); n != 1 {
			t.Errorf("%s has %d answers", m.ID, n)
		}
	}
}

// Messages about one request that run at once, while the request does, leave it with one
// end, and each gets its answer.
func TestMessagesAboutOneRequestAtOnce(t *testing.T) {
	t.Parallel()
	u := fresh()
	for _, running := range []bool{false, true} {
		c := dial(t, u)
		m := protocol.Message{Action: "echo_async", IdempotencyKey: fmt.Sprint("running ", running), Payload: object(t, echoAsync{"busy", 10_000, 20})}
		id := as[protocol.Accepted](t, c.ask(t, m)).RequestID
		if running {
			c.progress(t, id)
		}
		var sent []string
		for range 3 {
			sent = append(sent, c.send(t, m))
			for _, action := range []string{protocol.ActionSubscribe, protocol.ActionGet, protocol.ActionUnsubscribe} {
				sent = append(sent, c.send(t, protocol.Message{Action: action, RequestID: id}))
			}
		}
		// A waiting request that is cancelled answers with its end, which has no id.
		c.send(t, protocol.Message{Action: protocol.ActionCancel, RequestID: id})
		for _, id := range sent {
			c.wait(t, "the answer to "+id, func(f frame) bool { return f.ID == id })
		}
		if r := over(t, c, id, patience); r.Status != protocol.Cancelled {
			t.Errorf("got %+v", r)
		}
		// Whoever unsubscribed last may have missed the end.
		as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, id))
		as[protocol.CancelledFrame](t, c.end(t, id))
		settle(t, c)
		for _, id := range sent {
			if n := len(c.frames(func(f frame) bool { return f.ID == id })); n != 1 {
				t.Errorf("%s has %d answers", id, n)
			}
		}
		consistent(t, historyOf(row(t, c, id), c), true)
		if running {
			if rows := requestsOf(t, c); len(rows) != 2 {
				t.Errorf("the tenant's requests are %+v", rows)
			}
		}
	}
}

// limited puts limits in force for the connections of one new token, and returns the
// token.
func limited(t *testing.T, s *stage, u user, limits front.Limits) (token string) {
	t.Helper()
	token = s.token(t, u)
	limits.Match = token
	control(t, "PUT", s.endpoint+"/_front/limits", limits)
	return token
}

// API Gateway answers what comes too fast itself, and the connection stays.
func TestMessagesOverTheRate(t *testing.T) {
	t.Parallel()
	s := local(t, "limits that may be low")
	token := limited(t, s, fresh(), front.Limits{Rate: 1, Burst: 3})
	c := dialWith(t, s.socket+"?token="+token, nil)
	const n = 40
	for range n {
		c.send(t, protocol.Message{Action: protocol.ActionPing})
	}
	connection := c.mishap(t, tooManyRequests).ConnectionID
	var mishaps []mishap
	var pongs int
	for end := time.Now().Add(patience); pongs+len(mishaps) < n-1 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		mishaps, pongs = append(mishaps, c.mishaps...), len(c.got)
		c.mishaps = nil
		c.mu.Unlock()
	}
	for _, m := range mishaps {
		if m.Message != tooManyRequests || m.ConnectionID != connection {
			t.Errorf("got %+v, after one of connection %s", m, connection)
		}
	}
	if pongs < 3 || pongs+1+len(mishaps) != n {
		t.Errorf("%d messages have %d answers, and %d refusals", n, pongs, 1+len(mishaps))
	}
	time.Sleep(time.Second) // one more is within the rate then
	c.ping(t)
}

// dialSDK connects with the Go client, with the token in the query.
func dialSDK(t *testing.T, s *stage, options *sdk.Options) *sdk.Client {
	t.Helper()
	options.TokenIn = sdk.InQuery
	c, err := sdk.Dial(t.Context(), s.socket, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// The Go client gets every message through that came too fast, although API Gateway does
// not say which it was.
func TestClientOverTheRate(t *testing.T) {
	t.Parallel()
	s := local(t, "limits that may be low")
	var log bytes.Buffer
	c := dialSDK(t, s, &sdk.Options{
		Token:  sdk.StaticToken(limited(t, s, fresh(), front.Limits{Rate: 4, Burst: 1})),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	var calls sync.WaitGroup
	for i := range 6 {
		calls.Go(func() {
			if out, err := c.Call(t.Context(), "echo", i); err != nil || string(out) != fmt.Sprint(i) {
				t.Errorf("call %d: %s, %v", i, out, err)
			}
		})
	}
	calls.Wait()
	_ = c.Close() // nothing is logged any more
	if !strings.Contains(log.String(), tooManyRequests) {
		t.Errorf("no call came too fast: %s", &log)
	}
}

// The Go client whose router dies sends again, and its idempotency key keeps the request
// one.
func TestClientWhoseRouterDies(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, when := range []string{front.Before, front.After} {
		u, mark := marked()
		c := dialSDK(t, s, &sdk.Options{Token: sdk.StaticToken(s.token(t, u))})
		set := faults(t, s, front.Rule{Operation: "dynamodb.PutItem", Contains: []string{mark, "META"}, Count: 1, Fault: front.FaultKill, When: when})
		in := handlers.EchoAsyncIn{Message: "hello", DurationMS: new(int)}
		run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, in, nil)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		awaitHits(t, s, set, 1)
		if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" {
			t.Errorf("%s: %+v, %v", when, out, err)
		}
		if rows := requestsOf(t, dial(t, u)); len(rows) != 1 || rows[0].id != run.ID() || rows[0].attempt != "1" {
			t.Errorf("%s: the tenant's requests are %+v", when, rows)
		}
	}
}
