//go:build soak

package integ_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// Five hundred requests at once, then ten a second for minutes (STREAMER_LOAD, 10m if it
// is empty), over two hundred sockets of which one is cut every other second: none is
// lost, none ends twice, and functions do not grow.
func TestLoad(t *testing.T) {
	s := killable(t) // and so seen
	const sockets, tenants, burst, perSecond = 200, 4, 500, 10
	duration, err := time.ParseDuration(valueOr(os.Getenv("STREAMER_LOAD"), "10m"))
	if err != nil {
		t.Fatal(err)
	}
	var devices []*device
	for range tenants {
		u := fresh()
		for _, c := range crowd(t, u, sockets/tenants) {
			devices = append(devices, newDevice(u, c))
		}
	}
	memory := watchMemory(t, s)
	asked := 0
	ask := func() {
		d := devices[asked%sockets]
		d.ask(t, d.user.tenant, fmt.Sprintf("order-%d", asked), time.Duration(asked%8)*250*time.Millisecond)
		asked++
	}

	start := time.Now()
	for range burst {
		ask()
	}
	finish(t, devices)
	took := time.Since(start)
	t.Logf("%d at once ended within %.1f s, %.1f a second\n%s", burst, took.Seconds(), burst/took.Seconds(), latencies(devices, start))

	start = time.Now()
	cuts := 0
	for n := 0; time.Since(start) < duration; n++ {
		time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / perSecond)))
		ask()
		if n%(2*perSecond) == 0 {
			devices[rand.N(sockets)].comeBack(t)
			cuts++
		}
	}
	took = time.Since(start)
	finish(t, devices)
	t.Logf("%d in %.0f s, %.1f a second, %d sockets cut\n%s", asked-burst, took.Seconds(), float64(asked-burst)/took.Seconds(), cuts, latencies(devices, start))
	memory.flat(t, start, start.Add(took))

	var open []*client
	for _, d := range devices {
		open = append(open, d.conn())
	}
	settle(t, open...)
	outcomes, again := map[string]int{}, 0
	for _, d := range devices {
		came, twice := d.check(t)
		for outcome, n := range came {
			outcomes[outcome] += n
		}
		again += twice
		for _, c := range d.conns {
			for _, f := range c.frames(isError) {
				t.Errorf("an error: %s", f.raw)
			}
		}
	}
	t.Logf("%d asked for: %v; %d frames came again", asked, outcomes, again)
	for outcome, n := range outcomes {
		// A worker that a busy machine keeps from its pulse loses its request, as one does
		// that dies.
		if !strings.HasPrefix(outcome, string(protocol.Completed)) && !strings.Contains(outcome, string(protocol.AttemptsExhausted)) {
			t.Errorf("%d are %s", n, outcome)
		}
	}
}

// latencies is a table of how long clients waited for what was asked for since then, over
// connections that were not cut before the end.
func latencies(devices []*device, since time.Time) string {
	waits := map[string][]time.Duration{}
	cut := 0
	for _, d := range devices {
		for _, a := range d.known {
			if a.at.Before(since) {
				continue
			}
			seen := map[protocol.Type]time.Duration{}
			for _, f := range a.conn.of(a.id) {
				kind := f.Type()
				if kind.Terminal() {
					kind = protocol.TypeComplete
				}
				if _, again := seen[kind]; !again {
					seen[kind] = f.at.Sub(a.at)
				}
			}
			end, whole := seen[protocol.TypeComplete]
			if !whole {
				cut++
				continue
			}
			waits["accepted"] = append(waits["accepted"], seen[protocol.TypeAccepted])
			waits["first progress"] = append(waits["first progress"], seen[protocol.TypeProgress])
			waits["the end"] = append(waits["the end"], end)
			waits["the end, less the work"] = append(waits["the end, less the work"], end-a.work)
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-24s %8s %8s %8s %8s", "milliseconds until", "p50", "p95", "p99", "max")
	for _, what := range []string{"accepted", "first progress", "the end", "the end, less the work"} {
		w := waits[what]
		slices.Sort(w)
		fmt.Fprintf(&table, "\n%-24s", what)
		for _, share := range []float64{0.5, 0.95, 0.99, 1} {
			if len(w) > 0 {
				fmt.Fprintf(&table, " %8d", w[int(share*float64(len(w)-1))].Milliseconds())
			}
		}
	}
	fmt.Fprintf(&table, "\n%d requests, %d more whose socket was cut before the end", len(waits["the end"]), cut)
	return table.String()
}
