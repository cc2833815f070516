package integ_test

import (
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// A request whose every attempt kills its process ends all the same.
func TestEveryAttemptKillsItsProcess(t *testing.T) {
	t.Parallel()
	s := killable(t)
	u, mark := marked()
	set := faults(t, s, front.Rule{Operation: "execute-api.PostToConnection", Contains: []string{mark, `"type":"progress"`}, Fault: front.FaultKill})
	c := dial(t, u)
	id, _ := place(t, c, order(t, mark, "poison", 5*time.Second)) // long enough for a slow machine to kill it
	f := as[protocol.FailedFrame](t, c.end(t, id))
	if f.Code != protocol.AttemptsExhausted || f.Attempt != maxAttempts {
		t.Errorf("got %+v", f)
	}
	if killed := hits(t, s, set)[0].Hits; len(killed) != maxAttempts {
		t.Errorf("%d processes were killed, want one for each of %d attempts", len(killed), maxAttempts)
	}
	settle(t, c)
	consistent(t, historyOf(row(t, c, id), c), true)
}

// A processor that is frozen for longer than its lease, while another one takes over, can
// write nothing and posts nothing once it goes on, although its handler completes.
func TestFrozenProcessorIsFencedOff(t *testing.T) {
	t.Parallel()
	s := killable(t)
	const frozen = 15 * time.Second
	u, mark := marked()
	set := faults(t, s,
		front.Rule{
			Operation: "dynamodb.UpdateItem", Contains: []string{mark, "#message", "#seq"}, Count: 1,
			Fault: front.FaultStop, When: front.After, DelayMS: int(frozen.Milliseconds()),
		},
		// These only look: what comes of the frozen one after it goes on.
		front.Rule{Operation: "dynamodb.UpdateItem", Contains: []string{mark, "COMPLETED"}, Fault: front.FaultDelay},
		front.Rule{Operation: "execute-api.PostToConnection", Contains: []string{mark, `"attempt":1`}, Fault: front.FaultDelay},
	)
	c := dial(t, u)
	id, _ := place(t, c, order(t, mark, "freeze", 6*time.Second))
	goesOn := time.UnixMilli(awaitHits(t, s, set, 1)[0].At).Add(frozen)
	f := c.end(t, id)
	if end := as[protocol.Complete](t, f); end.Attempt != 2 || f.at.Before(goesOn) {
		t.Errorf("%s before the frozen one went on: %s", goesOn.Sub(f.at), f.raw)
	}
	settle(t, c)
	rules := hits(t, s, set)
	t.Logf("%d outcomes were to be written: its own clock or the row stops the frozen one", len(rules[1].Hits))
	for _, post := range rules[2].Hits {
		if late := time.UnixMilli(post.At).Sub(goesOn); late > 0 {
			t.Errorf("a post of attempt 1, %s after it went on", late)
		}
	}
	r := row(t, c, id)
	if r.Status != protocol.Completed || r.Attempt != 2 {
		t.Errorf("got %+v", r)
	}
	consistent(t, historyOf(r, c), true)
}

// A write that hangs on its way and arrives when its worker has written again, or has
// given up and another attempt runs, changes nothing.
func TestLateWriteChangesNothing(t *testing.T) {
	t.Parallel()
	s := local(t, "calls that may be delayed")
	type late struct {
		name, contains string
		writes         int // that hang: a call is given up after 5 s, and an outcome after two
		hang, takes    time.Duration
		attempts       int
	}
	cases := []late{
		{"claim", "#owner", 1, 7 * time.Second, 500 * time.Millisecond, 1},
		{"outcome", "COMPLETED", 1, 7 * time.Second, 500 * time.Millisecond, 1},
		{"outcome of the attempt before", "COMPLETED", 2, 12500 * time.Millisecond, 4 * time.Second, 2},
	}
	sets, ids, clients := make([]string, len(cases)), make([]string, len(cases)), make([]*client, len(cases))
	for i, l := range cases {
		u, mark := marked()
		sets[i] = faults(t, s, front.Rule{
			Operation: "dynamodb.UpdateItem", Contains: []string{mark, l.contains}, Count: l.writes, Fault: front.FaultDelay, DelayMS: int(l.hang.Milliseconds()),
		})
		clients[i] = dial(t, u)
		ids[i], _ = place(t, clients[i], order(t, mark, "late", l.takes))
	}
	for i, l := range cases {
		c := clients[i]
		as[protocol.Complete](t, c.end(t, ids[i]))
		ended := row(t, c, ids[i])
		for _, hit := range awaitHits(t, s, sets[i], l.writes) {
			time.Sleep(time.Until(time.UnixMilli(hit.At).Add(l.hang + 500*time.Millisecond)))
		}
		settle(t, c)
		r := row(t, c, ids[i])
		if r.Status != ended.Status || r.Attempt != ended.Attempt || r.Seq != ended.Seq || string(r.Result) != string(ended.Result) || r.EndedAt != ended.EndedAt {
			t.Errorf("%s: it ended as %+v, and the late write left %+v", l.name, ended, r)
		}
		// On a slow machine leases run out as well: another attempt is no harm.
		if r.Status != protocol.Completed || r.Attempt < l.attempts {
			t.Errorf("%s: %s after attempt %d, want COMPLETED after %d or more", l.name, r.Status, r.Attempt, l.attempts)
		}
		consistent(t, historyOf(r, c), true)
	}
}

// A dispatcher that is killed is given its records again.
func TestDispatcherKilled(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, when := range []string{front.Before, front.After} {
		u, mark := marked()
		set := faults(t, s, front.Rule{Operation: "sqs.SendMessageBatch", Contains: []string{mark}, Count: 1, Fault: front.FaultKill, When: when})
		c := dial(t, u)
		id, _ := place(t, c, order(t, mark, "hint", 500*time.Millisecond))
		as[protocol.Complete](t, c.end(t, id))
		awaitHits(t, s, set, 1)
		settle(t, c)
		r := row(t, c, id)
		if r.Attempt != 1 {
			t.Errorf("%s: attempt %d: a hint that came twice was worked on twice", when, r.Attempt)
		}
		consistent(t, historyOf(r, c), true)
	}
}

// A router that is killed leaves its client without an answer of ours; the client sends
// the message again with its idempotency key, and there is one request.
func TestRouterKilled(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, when := range []string{front.Before, front.After} {
		u, mark := marked()
		c := dial(t, u)
		set := faults(t, s, front.Rule{Operation: "dynamodb.PutItem", Contains: []string{mark, "META"}, Count: 1, Fault: front.FaultKill, When: when})
		m := order(t, mark, "submit", 500*time.Millisecond)
		c.send(t, m)
		awaitHits(t, s, set, 1)
		c.mishap(t, functionFailed)
		m.ID += "-again"
		a := as[protocol.Accepted](t, c.ask(t, m))
		if a.Duplicate != (when == front.After) {
			t.Errorf("%s: got %+v", when, a)
		}
		as[protocol.Complete](t, c.end(t, a.RequestID))
		settle(t, c)
		r := row(t, c, a.RequestID)
		if r.Attempt != 1 {
			t.Errorf("%s: attempt %d", when, r.Attempt)
		}
		consistent(t, historyOf(r, c), true)
		if rows := requestsOf(t, c); len(rows) != 1 {
			t.Errorf("%s: the tenant's requests are %+v", when, rows)
		}
	}
}
