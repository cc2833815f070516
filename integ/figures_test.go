package integ_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/remote"
)

// What each thing costs in calls to AWS, counted by the local stage's front. Each call
// is money and a place to fail, so the figures are limits. They are void unless every
// post that was counted is a frame that a client got.
func TestFigures(t *testing.T) {
	s := local(t, "counted AWS calls")
	u := fresh()
	var figures table
	want := countedCalls(t)
	forget(t)
	quiet(t, s, 2*slowestPulse) // of what tests before have left

	var c *client
	connect := measure(t, s, func() { c = dial(t, u) })
	figures.exactly(t, "connect", connect, want["connect"])
	figures.exactly(t, "disconnect", measure(t, s, func() {
		dial(t, u).close(t)
		for end := time.Now().Add(patience); count(t, s)["dynamodb.DeleteItem"] == 0 && time.Now().Before(end); time.Sleep(still / 12) {
			// it is noticed late
		}
	}).without(connect), want["disconnect"])
	figures.exactly(t, "echo", measure(t, s, func() {
		as[protocol.Response](t, c.ask(t, protocol.Message{Action: "echo", Payload: object(t, filled(t, 20_000))}))
	}), want["echo"])
	figures.exactly(t, "streamer.ping", measure(t, s, func() { c.ping(t) }), want["ping"])
	figures.exactly(t, "refused message", measure(t, s, func() {
		refused(t, c.ask(t, protocol.Message{Action: "echo_async", Payload: json.RawMessage(`{"steps":0}`)}), protocol.InvalidPayload)
	}), calls{})

	small := want["async"]
	const mostSmall, mostLarge = 6, 8
	figures.exactly(t, "async, 100 B", async(t, s, c, filled(t, 50)), small).atMost(t, mostSmall)
	figures.exactly(t, "async, 1 KB", async(t, s, c, filled(t, 1000)), want["async, payload beside the row"]).atMost(t, mostLarge)
	figures.exactly(t, "async, 26 KB", async(t, s, c, filled(t, 26_000)), want["async, payload and result in S3"])

	figures.exactly(t, "async, handed over", handedOver(t, s, u), want["async, handed over"])

	// A long one, with a second watcher soon after its start: pulses, renewals and each
	// watcher's frames, and nothing else.
	second := dial(t, u)
	quiet(t, s, still)
	const duration, steps = 7500, 5
	var long string
	var took time.Duration
	counted := measure(t, s, func() {
		start := time.Now()
		long = c.submit(t, "echo_async", echoAsync{"long", duration, steps})
		c.progress(t, long)
		as[protocol.Subscribed](t, second.about(t, protocol.ActionSubscribe, long))
		as[protocol.Complete](t, c.end(t, long))
		as[protocol.Complete](t, second.end(t, long))
		took = time.Since(start)
	})
	const subscriptions = 1
	posted := posts(t, counted, long, c, second)
	pulses := counted["dynamodb.UpdateItem"] - small["dynamodb.UpdateItem"] - subscriptions
	renewals := counted["sqs.ChangeMessageVisibility"] - small["sqs.ChangeMessageVisibility"]
	figures.exactly(t, "async, 7.5 s", counted.without(calls{
		"dynamodb.UpdateItem": pulses + subscriptions, "sqs.ChangeMessageVisibility": renewals,
		"execute-api.PostToConnection": posted - 1,
	}), small)
	// The local stage pulses every second while something changes and every two while
	// nothing does, and holds a message for twelve seconds, renewed after six.
	if most := int(took/time.Second) + 1; pulses < duration/2000-1 || pulses > most {
		t.Errorf("%d pulses in %s, want at most %d", pulses, took, most)
	}
	if most := int(took / (6 * time.Second)); renewals < 1 || renewals > most {
		t.Errorf("%d renewals in %s, want 1 to %d", renewals, took, most)
	}
	figures.add("  beside, in 7.5 s", "posts of frames %d, pulses %d, visibility renewals %d, subscriptions %d", posted-1, pulses, renewals, subscriptions)

	figures.exactly(t, "streamer.get", measure(t, s, func() { as[protocol.Request](t, c.about(t, protocol.ActionGet, long)) }), calls{"dynamodb.GetItem": 1})
	figures.exactly(t, "streamer.list", measure(t, s, func() { as[protocol.Requests](t, c.ask(t, protocol.Message{Action: protocol.ActionList})) }),
		calls{"dynamodb.Query": 1, "dynamodb.BatchGetItem": 1})
	figures.exactly(t, "streamer.subscribe, ended", measure(t, s, func() { c.about(t, protocol.ActionSubscribe, long) }),
		calls{"dynamodb.UpdateItem": 1, "execute-api.PostToConnection": 1})
	figures.exactly(t, "streamer.unsubscribe", measure(t, s, func() { second.about(t, protocol.ActionUnsubscribe, long) }), calls{"dynamodb.UpdateItem": 1})

	// A limit is one update more for each thing that it counts.
	limit(t, s, contract.Limits{User: contract.Allowance{Connections: 3, Requests: 3}, Tenant: contract.Allowance{Requests: 3}})
	u = fresh()
	figures.exactly(t, "connect, limited", measure(t, s, func() { c = dial(t, u) }), want["connect"].with(calls{"dynamodb.UpdateItem": 1}))
	figures.exactly(t, "async, limited twice", async(t, s, c, "x"), small.with(calls{"dynamodb.UpdateItem": 2}))
	t.Logf("AWS calls, and 1 more per progress frame and watcher:\n%s", strings.Join(figures, "\n"))
}

// countedCalls are the calls of each operation as the calculation of costs has them.
func countedCalls(t *testing.T) map[string]calls {
	t.Helper()
	b, err := os.ReadFile("../internal/cost/calls.json")
	if err != nil {
		t.Fatal(err)
	}
	var counted map[string]calls
	if err := json.Unmarshal(b, &counted); err != nil {
		t.Fatal(err)
	}
	return counted
}

// table is what is printed of the figures.
type table []string

func (f *table) add(name, format string, args ...any) {
	*f = append(*f, fmt.Sprintf("%-26s %s", name, fmt.Sprintf(format, args...)))
}

// exactly adds a figure and fails the test unless it is as wanted.
func (f *table) exactly(t *testing.T, name string, got, want calls) calls {
	t.Helper()
	f.add(name, "%s", got)
	if !maps.Equal(got, want) {
		t.Errorf("%s makes %s calls, want %s", name, got, want)
	}
	return got
}

// async measures an async request, but for its progress. One that took so long that it may have
// pulsed is done again: this is about what each request makes.
func async(t *testing.T, s *stage, c *client, message string) calls {
	t.Helper()
	const steps, pulse = 3, time.Second
	for range 20 {
		var id string
		var took time.Duration
		counted := measure(t, s, func() {
			start := time.Now()
			id = c.submit(t, "echo_async", echoAsync{message, 150, steps})
			as[protocol.Complete](t, c.end(t, id))
			took = time.Since(start)
		})
		posts(t, counted, id, c)
		if took < pulse {
			return counted.without(calls{"execute-api.PostToConnection": steps})
		}
	}
	t.Fatalf("a request of 150 ms never ended within %s", pulse)
	return nil
}

// handedOver measures a request that another process completes, but for the ticket, which is
// the sample's own. One whose end was told twice, because the hint of it was faster than
// what says that everyone knows, is done again.
func handedOver(t *testing.T, s *stage, u user) calls {
	t.Helper()
	config := remote.Config{AWS: asRole(t, remoteRole)}
	j := &job{t: t, c: dial(t, u)}
	for range 5 {
		counted := measure(t, s, func() {
			j.key = lifecycle.Key{Tenant: u.tenant, ID: j.c.submit(t, "hand_over", handlers.HandOverIn{SilenceMS: patience.Milliseconds()})}
			j.nextTicket()
			quiet(t, s, still) // the handler has returned
			if err := remote.Complete(t.Context(), config, j.ticket, "done"); err != nil {
				t.Fatal(err)
			}
			as[protocol.Complete](t, j.c.end(t, j.key.ID))
		})
		delete(counted, "s3.GetObject")
		if counted["execute-api.PostToConnection"] == 1 {
			return counted.without(calls{"s3.PutObject": 1})
		}
	}
	t.Fatal("each request that was handed over was told twice")
	return nil
}

// posts fails the test, as what was counted is void, unless the posts counted are the
// frames of the request that came to the clients by post: all but the router's answers.
func posts(t *testing.T, counted calls, requestID string, clients ...*client) int {
	t.Helper()
	frames := 0
	for _, c := range clients {
		for _, f := range c.of(requestID) {
			if f.ID == "" {
				frames++
			}
		}
	}
	if n := counted["execute-api.PostToConnection"]; n != frames {
		t.Fatalf("%d posts were counted and %d frames came by post, so the figures are void", n, frames)
	}
	return frames
}

// calls are numbers of AWS calls by their names.
type calls map[string]int

// measure counts the calls that the functions make because of something. It must be
// quiet before, and is afterwards. If the reconciler ran meanwhile, which queries shard by
// shard and reads what it finds, it is done again.
func measure(t *testing.T, s *stage, something func()) calls {
	t.Helper()
	for range 3 {
		reset(t, s)
		something()
		if counted := quiet(t, s, still); counted["dynamodb.Query"] <= 1 {
			return counted
		}
	}
	t.Fatal("the reconciler runs all the time")
	return nil
}

// reset makes the front count from zero.
func reset(t *testing.T, s *stage) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.endpoint+"/_front/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// still is how long no call comes once all have. slowestPulse is the time between the
// pulses of a request of which nothing changes.
const (
	still        = 1200 * time.Millisecond
	slowestPulse = 2 * time.Second
)

// forget throws away the hints that tests before have left in the queues, which come back
// when they like.
func forget(t *testing.T) {
	t.Helper()
	client := sqs.NewFromConfig(awsConfig(t))
	for _, action := range []string{"echo_async", "generate_report"} {
		queue := workQueue(t, action)
		if _, err := client.PurgeQueue(t.Context(), &sqs.PurgeQueueInput{QueueUrl: &queue}); err != nil {
			t.Fatal(err)
		}
	}
}

// quiet waits until no call has come for so long, and returns the counts then.
func quiet(t *testing.T, s *stage, still time.Duration) calls {
	t.Helper()
	counted, since := count(t, s), time.Now()
	for end := time.Now().Add(patience); time.Since(since) < still; time.Sleep(still / 12) {
		if now := count(t, s); !maps.Equal(now, counted) {
			counted, since = now, time.Now()
		}
		if time.Now().After(end) {
			t.Fatalf("calls go on after %s: %v", patience, counted)
		}
	}
	return counted
}

// count reads the front's counts and leaves out what no function calls.
func count(t *testing.T, s *stage) calls {
	t.Helper()
	counted := calls{}
	if err := json.Unmarshal(download(t, s.endpoint+"/_front/calls"), &counted); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(counted, func(name string, _ int) bool {
		service, _, _ := strings.Cut(name, ".")
		return !slices.Contains([]string{"dynamodb", "sqs", "s3", "execute-api"}, service)
	})
	return counted
}

func (c calls) without(other calls) calls {
	left := maps.Clone(c)
	for name, n := range other {
		if left[name] -= n; left[name] == 0 {
			delete(left, name)
		}
	}
	return left
}

func (c calls) with(other calls) calls {
	sum := maps.Clone(c)
	for name, n := range other {
		sum[name] += n
	}
	return sum
}

func (c calls) total() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// String is the sum and what it is made of: "2 (PutItem 1, UpdateItem 1)".
func (c calls) String() string {
	if len(c) == 0 {
		return "0"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		_, operation, _ := strings.Cut(name, ".")
		parts = append(parts, fmt.Sprintf("%s %d", operation, c[name]))
	}
	return fmt.Sprintf("%d (%s)", c.total(), strings.Join(parts, ", "))
}

func (c calls) atMost(t *testing.T, most int) {
	t.Helper()
	if c.total() > most {
		t.Errorf("%s calls, at most %d are allowed", c, most)
	}
}
