//go:build soak

// What takes minutes: make soak.

package integ_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// Functions die at random calls, before the call arrives and before its answer does, and
// processors freeze, while other calls fail; so often (STREAMER_KILLS, 2000 if it is
// empty). Every request ends, some of them because they have no attempts left.
func TestRequestsEndWhileProcessesDie(t *testing.T) {
	s := killable(t)
	const sockets, open = 20, 60 // requests at a time
	const most = 60 * time.Minute
	kills, err := strconv.Atoi(valueOr(os.Getenv("STREAMER_KILLS"), "2000"))
	if err != nil {
		t.Fatal(err)
	}
	u, mark := marked()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var devices []*device
	for _, c := range crowd(t, u, sockets) {
		devices = append(devices, newDevice(u, c))
	}
	reconciler := resourceOf(t, awsConfig(t), s, "AWS::Lambda::Function", "ReconcilerFunction")
	deadly := deaths(mark, seed)
	set := faults(t, s, append(deadly, weather(mark, 0.02, seed)...)...)

	start := time.Now()
	dead, asked := 0, 0
	for n := 0; ; n++ {
		running := 0
		for _, d := range devices {
			d.look(t)
			running += len(d.persist(t))
		}
		if n%20 == 0 {
			invoke(t, reconciler) // which may kill it
			if dead = struckBy(hits(t, s, set)[:len(deadly)]).total(); time.Since(start) > most {
				t.Errorf("only %d of %d in %s", dead, kills, most)
			}
			if n%200 == 0 {
				t.Logf("after %.0f s: %d killed, %d asked for, %d open", time.Since(start).Seconds(), dead, asked, running)
			}
		}
		if dead >= kills || t.Failed() {
			break
		}
		for ; running < open; running++ {
			d := devices[asked%sockets]
			d.ask(t, mark, fmt.Sprintf("order-%d", asked), time.Duration(asked%8)*250*time.Millisecond)
			asked++
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(start)
	points := struckBy(hits(t, s, set)[:len(deadly)])
	clearFaults(t, s, set)
	t.Logf("%d killed or stopped in %.0f s, %.1f a second, at %d points:\n%s", points.total(), took.Seconds(), float64(points.total())/took.Seconds(), len(points), points)

	// What has lost its hint is found by the reconciler once it has waited for two minutes,
	// and for five once more if that hint was lost as well.
	for end := time.Now().Add(20 * time.Minute); ; time.Sleep(2 * time.Second) {
		left := 0
		for _, d := range devices {
			d.look(t)
			left += len(d.persist(t))
		}
		if left == 0 {
			break
		}
		if failure := invoke(t, reconciler); failure != "" {
			t.Errorf("the reconciler failed: %s", failure)
		}
		if time.Now().After(end) {
			t.Fatalf("%d requests are lost", left)
		}
	}
	t.Logf("all have ended, %.0f s after the last one died", time.Since(start.Add(took)).Seconds())
	outcomes := map[string]int{}
	for _, d := range devices {
		d.conn().forgive()
		came, _ := d.check(t)
		for outcome, n := range came {
			outcomes[outcome] += n
		}
	}
	t.Logf("%d requests: %v", asked, outcomes)
}

// deaths are rules that let each function die at a share of its calls. A processor that
// dies at its first call tells nothing of its request, and only the reconciler brings that
// back, after minutes: a few do, at the beginning. Rules of all calls come last, since the
// first that meets a call counts.
func deaths(mark string, seed uint64) []front.Rule {
	var rules []front.Rule
	for _, when := range []string{front.Before, front.After} {
		rules = append(rules, front.Rule{Operation: "sqs.ChangeMessageVisibility", Function: "Processor", Probability: 0.1, Count: 8, Fault: front.FaultKill, When: when})
	}
	for _, when := range []string{front.Before, front.After} {
		rules = append(rules,
			front.Rule{Operation: "*", Function: "Processor", Contains: []string{mark}, Probability: 0.01, Fault: front.FaultStop, When: when, DelayMS: 9000},
			front.Rule{Operation: "*", Function: "Processor", Contains: []string{mark}, Probability: 0.06, Fault: front.FaultKill, When: when},
			front.Rule{Operation: "*", Function: "Router", Probability: 0.05, Fault: front.FaultKill, When: when},
			front.Rule{Operation: "*", Function: "Dispatcher", Probability: 0.05, Fault: front.FaultKill, When: when},
			front.Rule{Operation: "*", Function: "Reconciler", Probability: 0.03, Fault: front.FaultKill, When: when},
		)
	}
	for i := range rules {
		rules[i].Seed = seed
	}
	return rules
}

// points are where processes died, by function, operation and moment, and how often.
type points map[string]int

func struckBy(rules []struck) points {
	p := points{}
	for _, r := range rules {
		for _, h := range r.Hits {
			p[fmt.Sprintf("%-10s %-29s %-6s %s", r.Function, h.Operation, r.When, r.Fault)]++
		}
	}
	return p
}

func (p points) total() (sum int) {
	for _, n := range p {
		sum += n
	}
	return sum
}

func (p points) String() string {
	var lines []string
	for _, point := range slices.Sorted(maps.Keys(p)) {
		lines = append(lines, fmt.Sprintf("%s %5d", point, p[point]))
	}
	return strings.Join(lines, "\n")
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
