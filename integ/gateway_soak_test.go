//go:build soak

package integ_test

import (
	"testing"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// A router that hangs until its time is up, 29 seconds, holds up no other message, and
// its client is told and sends again.
func TestRouterTimesOut(t *testing.T) {
	s := killable(t)
	u, mark := marked()
	set := faults(t, s, front.Rule{Operation: "dynamodb.PutItem", Contains: []string{mark, "META"}, Count: 1, Fault: front.FaultStop})
	c := dial(t, u)
	m := order(t, mark, "hangs", 0)
	c.send(t, m)
	awaitHits(t, s, set, 1)
	c.ping(t)
	c.mishap(t, functionFailed)
	m.ID += "-again"
	a := as[protocol.Accepted](t, c.ask(t, m))
	as[protocol.Complete](t, c.end(t, a.RequestID))
	settle(t, c)
	consistent(t, historyOf(row(t, c, a.RequestID), c), true)
}
