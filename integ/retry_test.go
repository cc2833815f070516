package integ_test

import (
	"testing"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// A try that fails is told of, with the time of the next one, which does not come sooner;
// until then the request is RETRYING and nobody works on it. The last that fails ends it,
// with a code.
func TestFailedTriesAreTriedAgain(t *testing.T) {
	t.Parallel()
	s := local(t, "calls that may be made to fail")
	for failures, status := range map[int]protocol.Status{1: protocol.Completed, 2: protocol.Completed, maxAttempts: protocol.Failed} {
		u, mark := marked()
		rules := noHistory(failures)
		rules[0].Contains = append(rules[0].Contains, mark)
		look := front.Rule{Contains: []string{mark}, Fault: front.FaultDelay}
		claims, pulses, retries := look, look, look
		claims.Operation, claims.Contains = "dynamodb.UpdateItem", []string{mark, "#owner"}
		retries.Operation, retries.Contains = "dynamodb.UpdateItem", []string{mark, "#code", "RETRYING"}
		pulses.Operation, pulses.Contains = "dynamodb.UpdateItem", []string{mark, "#message", "#seq"}
		set := faults(t, s, append(rules, claims, retries, pulses)...)
		c := dial(t, u)
		id := reportRequest(t, c, u)
		c.end(t, id)
		settle(t, c)
		r := row(t, c, id)
		if want := min(failures+1, maxAttempts); r.Status != status || r.Attempt != want || status == protocol.Failed && r.Code == "" {
			t.Errorf("%d failures: %+v", failures, r)
		}
		struck := hits(t, s, set)
		began, waits := struck[1].Hits, struck[2].Hits
		told := c.frames(func(f frame) bool { return f.RequestID == id && f.Type() == protocol.TypeRetrying })
		if len(began) != r.Attempt || len(waits) != r.Attempt-1 || len(told) != r.Attempt-1 {
			t.Fatalf("%d failures: %d tries, %d waits, told of %d", failures, len(began), len(waits), len(told))
		}
		for i, f := range told {
			again := as[protocol.RetryingFrame](t, f)
			if again.Attempt != i+1 || again.Code == "" || again.NextAt <= began[i].At || began[i+1].At < again.NextAt {
				t.Errorf("try %d begins at %d, after %s", i+2, began[i+1].At, f.raw)
			}
			for _, pulse := range struck[3].Hits {
				if pulse.At > f.at.UnixMilli() && pulse.At < again.NextAt { // one may be under way until then
					t.Errorf("somebody works on it at %d, after %s", pulse.At, f.raw)
				}
			}
		}
		consistent(t, historyOf(r, c), true)
	}
}
