package integ_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// echoAsync is the payload of echo_async.
type echoAsync struct {
	Message    string `json:"message"`
	DurationMS int    `json:"duration_ms"`
	Steps      int    `json:"steps"`
}

func TestEchoAsyncFrameByFrame(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	const ref = "the submitter's id"
	before := time.Now().Add(-time.Minute).UnixMilli() // the clocks of two machines
	f := c.ask(t, protocol.Message{Action: "echo_async", ID: ref, Payload: object(t, echoAsync{"hello – 日本 😀", 1000, 5})})
	accepted := as[protocol.Accepted](t, f)
	if accepted.Status != protocol.Pending || accepted.Duplicate || accepted.RequestID == "" || accepted.TS < before {
		t.Errorf("got %s", f.raw)
	}
	c.end(t, accepted.RequestID)
	settle(t, c)

	var seq int64
	var at float64
	var steps, terminals int
	for _, f := range c.of(accepted.RequestID) {
		if f.Type() == protocol.TypeAccepted {
			continue // it may come at any place
		}
		if f.Ref != ref || f.ID != "" || f.TS < before {
			t.Errorf("ref %q, id %q or ts is wrong: %s", f.Ref, f.ID, f.raw)
		}
		if f.Seq <= seq || terminals > 0 {
			t.Errorf("out of order after %d: %s", seq, f.raw)
		}
		seq = f.Seq
		switch f := f.Frame.(type) {
		case protocol.Progress:
			if steps++; f.Percentage <= at || f.Percentage != float64(20*steps) || f.Attempt != 1 || f.Message != fmt.Sprintf("Step %d of 5", steps) {
				t.Errorf("progress %d is %+v", steps, f)
			}
			at = f.Percentage
		case protocol.Complete:
			terminals++
			if string(f.Result) != `{"message":"hello – 日本 😀"}` || f.Attempt != 1 || f.ResultRef != nil {
				t.Errorf("complete is %+v", f)
			}
		default:
			t.Errorf("unexpected: %+v", f)
		}
	}
	if steps != 5 || terminals != 1 {
		t.Errorf("%d progress frames and %d terminal ones, want 5 and 1", steps, terminals)
	}

	got := as[protocol.Request](t, c.about(t, protocol.ActionGet, accepted.RequestID))
	if got.Action != "echo_async" || got.Status != protocol.Completed || got.Attempt != 1 || got.Percentage != 100 || got.Seq != seq-1 ||
		string(got.Result) != `{"message":"hello – 日本 😀"}` || got.Code != "" || got.Error != "" || got.NextAt != 0 {
		t.Errorf("streamer.get says %+v", got)
	}
	if got.CreatedAt > got.StartedAt || got.StartedAt+1000 > got.EndedAt || got.EndedAt > got.DeadlineAt {
		t.Errorf("streamer.get says %+v", got)
	}
}

func TestPayloadOfNothingTakesTheDefaults(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	id := as[protocol.Accepted](t, c.ask(t, protocol.Message{Action: "echo_async"})).RequestID
	if f := c.progress(t, id); f.Percentage != 20 {
		t.Errorf("the first of five steps is %+v", f)
	}
	if f := as[protocol.Complete](t, c.end(t, id)); string(f.Result) != `{"message":""}` {
		t.Errorf("got %+v", f)
	}
}

func TestManyRequestsOnOneConnection(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	const requests = 120
	sent := map[string]string{} // what each message says, by its id
	for i := range requests {
		m := protocol.Message{Action: "echo", Payload: object(t, fmt.Sprint("sync ", i))}
		said := fmt.Sprintf("%q", fmt.Sprint("sync ", i))
		if i%2 == 1 {
			m = protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{fmt.Sprint("async ", i), 100, 2})}
			said = fmt.Sprintf(`{"message":"async %d"}`, i)
		}
		sent[c.send(t, m)] = said
	}
	for id := range sent {
		c.wait(t, "the outcome of "+id, func(f frame) bool {
			return f.ID == id && f.Type() == protocol.TypeResponse || f.Ref == id && f.Type().Terminal()
		})
	}
	settle(t, c)
	answersOnce(t, c, sent)
}

// answersOnce fails the test unless each message, by its id, has exactly one answer, and
// exactly one outcome, which says what is wanted.
func answersOnce(t *testing.T, c *client, sent map[string]string) {
	t.Helper()
	answers, outcomes := map[string]int{}, map[string]int{}
	for _, f := range c.frames(func(f frame) bool { return f.Type() != protocol.TypePong }) {
		var id string
		var result json.RawMessage
		switch f := f.Frame.(type) {
		case protocol.Accepted:
			answers[f.ID]++
			continue
		case protocol.Response:
			answers[f.ID]++
			id, result = f.ID, f.Result
		case protocol.Complete:
			id, result = f.Ref, f.Result
		case protocol.Progress:
			continue
		default:
			t.Errorf("unexpected: %+v", f)
			continue
		}
		outcomes[id]++
		if string(result) != sent[id] {
			t.Errorf("%s came back as %s", sent[id], result)
		}
	}
	for id, said := range sent {
		if answers[id] != 1 || outcomes[id] != 1 {
			t.Errorf("%s (%s): %d answers and %d outcomes, want 1 and 1", id, said, answers[id], outcomes[id])
		}
	}
	if len(answers) != len(sent) || len(outcomes) != len(sent) {
		t.Errorf("%d messages, but answers to %d and outcomes of %d", len(sent), len(answers), len(outcomes))
	}
}

func TestManyConnectionsAtOnce(t *testing.T) {
	t.Parallel()
	clients := crowd(t, fresh(), 100)
	sent := make([]map[string]string, len(clients))
	for i, c := range clients {
		sent[i] = map[string]string{
			c.send(t, protocol.Message{Action: "echo", Payload: object(t, i)}):                                     fmt.Sprint(i),
			c.send(t, protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{fmt.Sprint(i), 50, 1})}): fmt.Sprintf(`{"message":"%d"}`, i),
		}
	}
	for i, c := range clients {
		for id := range sent[i] {
			c.wait(t, "the outcome of "+id, func(f frame) bool {
				return f.ID == id && f.Type() == protocol.TypeResponse || f.Ref == id && f.Type().Terminal()
			})
		}
	}
	settle(t, clients...)
	for i, c := range clients {
		answersOnce(t, c, sent[i])
	}
}

// crowd connects n times, a few at a time, and has all open together.
func crowd(t *testing.T, u user, n int) []*client {
	t.Helper()
	s := deployed(t)
	token := s.token(t, u)
	clients, errs := make([]*client, n), make([]error, n)
	var dialling sync.WaitGroup
	turn := make(chan struct{}, 10)
	for i := range n {
		dialling.Go(func() {
			turn <- struct{}{}
			clients[i], _, errs[i] = open(context.WithoutCancel(t.Context()), s.socket+"?token="+token, nil)
			<-turn
		})
	}
	dialling.Wait()
	t.Cleanup(func() {
		for _, c := range clients {
			if c != nil {
				c.close(t)
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			t.Fatalf("connect: %v", err)
		}
	}
	return clients
}

// The figure is a requirement, so it runs while nothing else does.
func TestFiftyRequestsTogether(t *testing.T) {
	c := dial(t, fresh())
	const requests, limit = 50, 12 * time.Second
	start := time.Now()
	var sent []string
	for range requests {
		sent = append(sent, c.send(t, protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{"together", 5000, 5})}))
	}
	var ended time.Time
	for _, id := range sent {
		f := c.wait(t, "the end of "+id, func(f frame) bool { return f.Ref == id && f.Type().Terminal() })
		as[protocol.Complete](t, f)
		if f.at.After(ended) {
			ended = f.at
		}
	}
	took := ended.Sub(start)
	t.Logf("%d requests of 5 s, started together, ended within %.1f s", requests, took.Seconds())
	if took > limit {
		t.Errorf("they took %s, the limit is %s", took, limit)
	}
}

// settle waits for frames that should not come: as long as a doubled post may be under
// way, and a round trip.
func settle(t *testing.T, clients ...*client) {
	t.Helper()
	time.Sleep(300 * time.Millisecond)
	for _, c := range clients {
		c.ping(t)
	}
}

func TestWorkOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	u := fresh()
	gone := dial(t, u)
	id := gone.submit(t, "echo_async", echoAsync{"still here", 10_000, 20})
	gone.progress(t, id)
	gone.close(t)

	c := dial(t, u)
	if f := as[protocol.Request](t, c.about(t, protocol.ActionGet, id)); f.Status != protocol.Processing {
		t.Errorf("after the disconnect: %+v", f)
	}
	f := ended(t, c, id)
	if f.Status != protocol.Completed || f.Attempt != 1 || string(f.Result) != `{"message":"still here"}` {
		t.Errorf("got %+v", f)
	}
	if frames := c.frames(func(f frame) bool { return f.RequestID == id && f.ID == "" }); len(frames) != 0 {
		t.Errorf("frames came to a connection that does not watch: %s", last(frames))
	}
}

// ended asks for a request until it is terminal.
func ended(t *testing.T, c *client, requestID string) protocol.Request {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		f := as[protocol.Request](t, c.about(t, protocol.ActionGet, requestID))
		if f.Status.Terminal() {
			return f
		}
		if time.Now().After(end) {
			t.Fatalf("after %s the request is %+v", patience, f)
		}
	}
}

func TestDeadlineEndsARequest(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	f := c.ask(t, protocol.Message{Action: "echo_async", DeadlineMS: 1000, Payload: object(t, echoAsync{"too long", 60_000, 6})})
	failed := as[protocol.FailedFrame](t, c.end(t, f.RequestID))
	if failed.Code != protocol.Deadline || failed.Message == "" {
		t.Errorf("got %+v", failed)
	}
	if got := as[protocol.Request](t, c.about(t, protocol.ActionGet, f.RequestID)); got.Status != protocol.Failed || got.Code != protocol.Deadline || got.Error == "" {
		t.Errorf("streamer.get says %+v", got)
	}
}
