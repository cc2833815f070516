package integ_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// weather is how a share of all calls about the requests with that mark goes wrong, and
// of all posts too: errors, throttling, delays, answers that are lost.
func weather(mark string, share float64, seed uint64) []front.Rule {
	var rules []front.Rule
	for _, operation := range []string{"dynamodb.*", "s3.*", "sqs.SendMessageBatch", "execute-api.PostToConnection"} {
		faults := []front.Rule{
			{Fault: front.FaultError},
			{Fault: front.FaultThrottle},
			{Fault: front.FaultReset},
			{Fault: front.FaultReset, When: front.After},
			{Fault: front.FaultDelay, DelayMS: 700},
		}
		if operation == "execute-api.PostToConnection" {
			faults = append(faults,
				front.Rule{Fault: front.FaultError, Status: 403, Code: "ForbiddenException"},
				front.Rule{Fault: front.FaultError, Status: 410, Code: "GoneException"},
				front.Rule{Fault: front.FaultError, Status: 413, Code: "PayloadTooLargeException"},
			)
		}
		for _, f := range faults {
			f.Operation, f.Contains, f.Probability, f.Seed = operation, []string{mark}, share/float64(len(faults)), seed
			rules = append(rules, f)
		}
	}
	return rules
}

// Whatever share of calls goes wrong, every request ends, and all that its clients saw
// fits together. A client that misses the end learns it when it subscribes.
func TestRequestsEndInAnyWeather(t *testing.T) {
	t.Parallel()
	s := local(t, "calls that may be made to fail")
	const requests = 24
	for _, percent := range []int{1, 5, 20} {
		t.Run(fmt.Sprintf("%d percent", percent), func(t *testing.T) {
			t.Parallel()
			u, mark := marked()
			c, other := dial(t, u), dial(t, u)
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			set := faults(t, s, weather(mark, float64(percent)/100, seed)...)
			ids := make([]string, requests)
			for i := range ids {
				ids[i], _ = place(t, c, order(t, mark, fmt.Sprintf("order-%d", i), time.Duration(i%4)*400*time.Millisecond))
			}
			for _, id := range ids {
				other.about(t, protocol.ActionSubscribe, id) // or it is refused, as calls fail
			}
			for _, id := range ids {
				over(t, c, id, 2*patience)
			}
			struckBy := map[string]int{}
			for _, r := range hits(t, s, set) {
				struckBy[r.Fault+" "+r.When] += len(r.Hits)
			}
			clearFaults(t, s, set)
			outcomes, missed := map[string]int{}, 0
			for _, id := range ids {
				if !c.hasEnd(id) {
					missed++
				}
				as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, id))
				c.end(t, id)
			}
			settle(t, c, other)
			for _, id := range ids {
				r := row(t, c, id)
				outcomes[fmt.Sprintf("%s%s after attempt %d", r.Status, r.Code, r.Attempt)]++
				consistent(t, historyOf(r, c), true)
				consistent(t, historyOf(r, c, other), false)
			}
			t.Logf("faults %v; outcomes %v; %d ends were missed at first", struckBy, outcomes, missed)
		})
	}
}

// hasEnd reports whether the end of a request came already.
func (c *client) hasEnd(requestID string) bool {
	return len(c.frames(func(f frame) bool { return f.RequestID == requestID && f.Type().Terminal() })) > 0
}

// A client whose socket is cut in the middle comes back, subscribes, and misses nothing.
func TestCutClientComesBack(t *testing.T) {
	t.Parallel()
	s := local(t, "sockets that may be cut")
	u, mark := marked()
	faults(t, s, front.Rule{Operation: front.ServerMessage, Contains: []string{mark, `"type":"progress"`}, Skip: 1, Count: 1, Fault: front.FaultCut})
	c := dial(t, u)
	id, _ := place(t, c, order(t, mark, "cut", 4*time.Second))
	if _, err := c.await(func(f frame) bool { return f.RequestID == id && f.Type().Terminal() }); err == nil {
		t.Fatal("the socket was not cut")
	}
	back := dial(t, u)
	as[protocol.Subscribed](t, back.about(t, protocol.ActionSubscribe, id))
	as[protocol.Complete](t, back.end(t, id))
	settle(t, back)
	r := row(t, back, id)
	if r.Attempt != 1 {
		t.Errorf("got %+v", r)
	}
	consistent(t, historyOf(r, back), true)
	consistent(t, historyOf(r, c, back), false)
}

// API Gateway closes a connection that is idle, and one that is old; the client comes
// back to its request.
func TestConnectionsTimeIsUp(t *testing.T) {
	t.Parallel()
	s := local(t, "limits that may be short")
	for name, limits := range map[string]front.Limits{"idle": {IdleMS: 1500}, "old": {LifetimeMS: 2500}} {
		u := fresh()
		token := limited(t, s, u, limits)
		start := time.Now()
		c := dialWith(t, s.socket+"?token="+token, nil)
		duration := 4000
		if name == "idle" {
			duration = 0
		}
		id := c.submit(t, "echo_async", echoAsync{name, duration, 8})
		<-c.done
		if code := websocket.CloseStatus(c.ended); code != websocket.StatusGoingAway || time.Since(start) < 1400*time.Millisecond {
			t.Errorf("%s: closed with %d after %s", name, code, time.Since(start))
		}
		back := dial(t, u)
		as[protocol.Subscribed](t, back.about(t, protocol.ActionSubscribe, id))
		as[protocol.Complete](t, back.end(t, id))
	}
}
