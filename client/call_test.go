package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

var echo = streamer.Action[echoIn, echoOut]{Name: "echo"}

// answering answers each message as it comes.
func answering(t *testing.T, reply func(s *socket, m protocol.Message)) *Client {
	t.Helper()
	return against(t, func(s *socket) {
		for {
			m, ok := s.next()
			if !ok {
				return
			}
			reply(s, m)
		}
	})
}

func response(m protocol.Message, result string) protocol.Response {
	return protocol.Response{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Result: json.RawMessage(result)}
}

func TestDo(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) { s.send(response(m, string(m.Payload))) })
	out, err := Do(t.Context(), c, echo, echoIn{"<a> & é"})
	if err != nil || out.Message != "<a> & é" {
		t.Errorf("got %+v, %v", out, err)
	}
	raw, err := c.Call(t.Context(), "echo", json.RawMessage(`{"n": 1.10, "s": "<"}`))
	if err != nil || string(raw) != `{"n":1.10,"s":"<"}` {
		t.Errorf("got %s, %v", raw, err)
	}
	if _, err := Do(t.Context(), c, streamer.Action[echoIn, []string]{Name: "echo"}, echoIn{}); err == nil || !strings.Contains(err.Error(), "the result is no []string") {
		t.Errorf("got %v", err)
	}
}

func TestSubmitOfASyncAction(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) { s.send(response(m, string(m.Payload))) })
	run, err := Submit(t.Context(), c, echo, echoIn{"hello"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run.Result(t.Context()); err != nil || out.Message != "hello" || run.ID() != requestID {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestSubmitSendsItsOptions(t *testing.T) {
	sent := make(chan protocol.Message, 1)
	c := answering(t, func(s *socket, m protocol.Message) {
		sent <- m
		s.send(accepted(m))
	})
	_, err := Submit(t.Context(), c, echoAsync, echoIn{"hello"}, &SubmitOptions{IdempotencyKey: "invoice 42", Deadline: time.Minute, Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
	if m := <-sent; err != nil || m.IdempotencyKey != "invoice 42" || m.DeadlineMS != 60_000 || m.Traceparent != "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" || string(m.Payload) != `{"message":"hello"}` {
		t.Errorf("sent %+v, %v", m, err)
	}
}

func TestGet(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) {
		s.send(protocol.Request{Answer: protocol.Answer{ID: m.ID}, RequestID: m.RequestID, Status: protocol.Completed, Result: json.RawMessage("1")})
	})
	if f, err := c.Get(t.Context(), requestID); err != nil || f.RequestID != requestID || f.Status != protocol.Completed {
		t.Errorf("got %+v, %v", f, err)
	}
}

func TestRefusals(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) {
		s.send(protocol.Error{
			Answer: protocol.Answer{ID: m.ID}, Code: protocol.InvalidPayload, Message: "start_date: missing",
			Details: map[string]any{"field": "start_date"},
		})
	})
	_, ofDo := Do(t.Context(), c, echo, echoIn{})
	_, ofSubmit := Submit(t.Context(), c, echoAsync, echoIn{}, nil)
	_, ofGet := c.Get(t.Context(), requestID)
	for action, err := range map[string]error{"echo": ofDo, "echo_async": ofSubmit, protocol.ActionGet: ofGet} {
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != protocol.InvalidPayload || e.Details["field"] != "start_date" || err.Error() != action+": INVALID_PAYLOAD: start_date: missing" {
			t.Errorf("got %v", err)
		}
	}
}

// A refusal says how long to wait, and is waited for so long, but not for ever.
func TestRefusalsThatSayWhenToComeAgain(t *testing.T) {
	t.Parallel()
	const after = 700 * time.Millisecond // longer than the first wait without
	var sent []time.Time
	c := answering(t, func(s *socket, m protocol.Message) {
		if sent = append(sent, time.Now()); len(sent) > 1 {
			s.send(response(m, "1"))
			return
		}
		s.send(protocol.Error{
			Answer: protocol.Answer{ID: m.ID}, Code: protocol.TooFast, Message: "slow down", Retryable: true,
			Details: map[string]any{protocol.DetailRetryAfter: after.Milliseconds()},
		})
	})
	if _, err := c.Call(t.Context(), "echo", nil); err != nil || sent[1].Sub(sent[0]) < after {
		t.Errorf("sent again after %s, %v", sent[1].Sub(sent[0]), err)
	}
	for ms, want := range map[any]time.Duration{nil: 0, "1": 0, -5.0: 0, 1500.0: 1500 * time.Millisecond, 1e300: 30 * time.Second} {
		r := refusal{Error: &Error{Details: map[string]any{protocol.DetailRetryAfter: ms}}}
		if got := r.after(30 * time.Second); got != want {
			t.Errorf("%v is %s, want %s", ms, got, want)
		}
	}
}

func TestWhatIsNotSent(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) { t.Errorf("sent %+v", m) })
	if _, err := c.Call(t.Context(), "echo", strings.Repeat("x", protocol.MaxMessage)); !isCode(err, protocol.MessageTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Call(t.Context(), "echo", func() {}); err == nil || !strings.Contains(err.Error(), "echo: payload is not JSON") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Call(t.Context(), "echo", json.RawMessage("{")); err == nil || !strings.Contains(err.Error(), "echo: payload is not JSON") {
		t.Errorf("got %v", err)
	}
}

func TestCallOfAnAsyncAction(t *testing.T) {
	c := answering(t, func(s *socket, m protocol.Message) { s.send(accepted(m)) })
	if _, err := c.Call(t.Context(), "echo_async", nil); err == nil || !strings.Contains(err.Error(), requestID) || !strings.Contains(err.Error(), "use Submit") {
		t.Errorf("got %v", err)
	}
}

// Calls at the same time each get their own answer, in whatever order the answers come.
func TestConcurrentCalls(t *testing.T) {
	const n = 100
	c := against(t, func(s *socket) {
		var waiting []protocol.Message
		for range n {
			m, _ := s.next()
			waiting = append(waiting, m)
		}
		rand.Shuffle(n, func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
		for _, m := range waiting {
			s.send(response(m, string(m.Payload)))
		}
		s.untilGone()
	})
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			in := echoIn{fmt.Sprint(i)}
			if out, err := Do(t.Context(), c, echo, in); err != nil || out.Message != in.Message {
				t.Errorf("call %d got %+v, %v", i, out, err)
			}
		})
	}
	calls.Wait()
	if left := kept(c); left != 0 {
		t.Errorf("%d things are kept", left)
	}
}
