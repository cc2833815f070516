package integ_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/protocol"
)

// reserve is what a processor keeps of its function's time to record an outcome.
const reserve = 10 * time.Second

// A count that takes longer than a function may goes on in another one, and another, in
// one attempt, and counts each number once. The processor's time is cut short for it, so
// no other test runs meanwhile.
func TestCountOutlivesItsFunction(t *testing.T) {
	s := local(t, "functions whose time may be cut short")
	const work = 3 * time.Second // that one function has time for
	const to, tick = 70, 100 * time.Millisecond
	const functions = 4 // at least: each goes on for two seconds, and a third might not fit
	limitProcessor(t, s, work+reserve)
	c := dial(t, fresh())
	id := c.submit(t, "count", counting{To: to, TickMS: int(tick.Milliseconds())})
	var result struct {
		Count, Runs int
		Began       int64
	}
	if err := json.Unmarshal(as[protocol.Complete](t, c.end(t, id)).Result, &result); err != nil {
		t.Fatal(err)
	}
	if result.Count != to || result.Runs < functions {
		t.Errorf("counted %+v, want %d in at least %d functions", result, to, functions)
	}
	settle(t, c)
	r := row(t, c, id)
	if took := time.Duration(r.EndedAt-r.StartedAt) * time.Millisecond; r.Attempt != 1 || took < to*tick {
		t.Errorf("after %s: %+v", took, r)
	}
	// The stage and its functions have one clock.
	if late := result.Began - r.StartedAt; late < 0 || late >= work.Milliseconds() {
		t.Errorf("it says that it began %d ms after its first claim", late)
	}
	consistent(t, historyOf(r, c), true)
	counted := 0
	for _, f := range c.events(id) {
		p, ok := f.Frame.(protocol.Progress)
		if !ok {
			continue
		}
		var at int
		if _, err := fmt.Sscanf(p.Message, "Counted %d of", &at); err != nil || at <= counted || p.Percentage != 100*float64(at)/to || p.Attempt != 1 {
			t.Errorf("after %d: %s", counted, f.raw)
		}
		counted = at
	}
	t.Logf("%d functions", result.Runs)
	awaitTree(t, id, "streamer.message(put"+strings.Repeat(` streamer.send(streamer.queue streamer.attempt(claim handler([save ?]+) continue post))`, result.Runs-1)+
		" streamer.send(streamer.queue streamer.attempt(claim handler([save ?]*) complete post)))")
}

// limitProcessor lets processors run no longer than that until the test ends.
func limitProcessor(t *testing.T, s *stage, d time.Duration) {
	t.Helper()
	reconfigure(t, s, "StreamerProcessor", func(_ *lambda.GetFunctionConfigurationOutput, set *lambda.UpdateFunctionConfigurationInput) {
		set.Timeout = aws.Int32(int32(d / time.Second))
	})
}
