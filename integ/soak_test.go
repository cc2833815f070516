//go:build soak

// What takes minutes: make soak.

package integ_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// Processors and dispatchers die at random calls, while others fail: every request ends,
// some of them because they have no attempts left.
func TestRequestsEndWhileProcessesDie(t *testing.T) {
	s := killable(t)
	const requests, share = 150, 0.04
	u, mark := marked()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var rules []front.Rule
	for _, function := range []string{"Processor", "Dispatcher"} {
		for _, when := range []string{front.Before, front.After} {
			rules = append(rules, front.Rule{
				Operation: "*", Contains: []string{mark}, Function: function, Probability: share / 2, Seed: seed, Fault: front.FaultKill, When: when,
			})
		}
	}
	killers := len(rules)
	clients := crowd(t, u, 5)
	set := faults(t, s, append(rules, weather(mark, 0.05, seed)...)...)
	ids := make([]string, requests)
	for i := range ids {
		c := clients[i%len(clients)]
		ids[i], _ = place(t, c, order(t, mark, fmt.Sprintf("order-%d", i), time.Duration(i%8)*500*time.Millisecond))
	}
	for i, id := range ids {
		over(t, clients[i%len(clients)], id, 5*time.Minute)
	}
	killed := 0
	for _, r := range hits(t, s, set)[:killers] {
		killed += len(r.Hits)
	}
	clearFaults(t, s, set)
	outcomes := map[string]int{}
	for i, id := range ids {
		c := clients[i%len(clients)]
		as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, id))
		c.end(t, id)
	}
	settle(t, clients...)
	for i, id := range ids {
		c := clients[i%len(clients)]
		r := row(t, c, id)
		outcomes[fmt.Sprintf("%s %s attempt %d", r.Status, r.Code, r.Attempt)]++
		consistent(t, historyOf(r, c), true)
	}
	t.Logf("%d processes were killed; outcomes %v", killed, outcomes)
	if killed == 0 {
		t.Error("nothing was killed")
	}
}

// A function whose time is up is killed by the platform: a processor that hangs loses its
// request to another one, and a handler that takes too long fails its attempts.
func TestFunctionTimesOut(t *testing.T) {
	s := killable(t)
	limitProcessor(t, s, 4*time.Second+reserve)
	u, mark := marked()
	c := dial(t, u)
	set := faults(t, s, front.Rule{Operation: "dynamodb.UpdateItem", Contains: []string{mark, "#message", "#seq"}, Count: 1, Fault: front.FaultStop})
	hangs, _ := place(t, c, order(t, mark, "hangs", 2500*time.Millisecond))
	awaitHits(t, s, set, 1)
	long, _ := place(t, c, order(t, mark, "long", time.Minute))
	as[protocol.Complete](t, c.end(t, hangs))
	if f := as[protocol.FailedFrame](t, c.end(t, long)); f.Code != protocol.Timeout {
		t.Errorf("got %+v", f)
	}
	settle(t, c)
	for id, attempt := range map[string]int{hangs: 2, long: maxAttempts} {
		r := row(t, c, id)
		if r.Attempt != attempt {
			t.Errorf("attempt %d, want %d: %+v", r.Attempt, attempt, r)
		}
		consistent(t, historyOf(r, c), true)
	}
}
