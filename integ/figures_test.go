package integ_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// What each thing costs in calls to AWS, counted by the local stage's front. Each call
// is money and a place to fail, so the figures are limits. They are void unless every
// post that was counted is a frame that a client got.
func TestFigures(t *testing.T) {
	s := local(t, "counted AWS calls")
	u := fresh()
	var c, second *client

	connect := measure(t, s, func() { c = connectAs(t, s, u) })
	connect.exactly(t, "connect", calls{"dynamodb.PutItem": 1})
	t.Cleanup(func() { c.close(t) })

	disconnect := measure(t, s, func() {
		gone := connectAs(t, s, u)
		_ = gone.conn.Close(websocket.StatusNormalClosure, "")
		gone.close(t)
	}).without(connect)
	disconnect.exactly(t, "disconnect", calls{"dynamodb.DeleteItem": 1})

	echo := measure(t, s, func() {
		as[protocol.Response](t, c.ask(t, protocol.Message{Action: "echo", Payload: object(t, filled(t, 20_000))}))
	})
	echo.exactly(t, "echo", calls{})
	measure(t, s, func() { c.ping(t) }).exactly(t, "streamer.ping", calls{})
	refusal := measure(t, s, func() {
		refused(t, c.ask(t, protocol.Message{Action: "echo_async", Payload: json.RawMessage(`{"steps":0}`)}), protocol.InvalidPayload)
	})
	refusal.exactly(t, "a refused message", calls{})

	// The base of a request is what is left without its progress.
	async := func(name string, message string, want calls) calls {
		const steps = 3
		var id string
		counted := measure(t, s, func() {
			id = c.submit(t, "echo_async", echoAsync{message, 300, steps})
			as[protocol.Complete](t, c.end(t, id))
		})
		posts(t, name, counted, id, c)
		base := counted.without(calls{"execute-api.PostToConnection": steps})
		base.exactly(t, name, want)
		return base
	}
	small := calls{
		"dynamodb.PutItem": 1, "sqs.SendMessageBatch": 1, "sqs.ChangeMessageVisibility": 1,
		"dynamodb.UpdateItem": 2, "execute-api.PostToConnection": 1,
	}
	baseSmall := async("async small", "small", small)
	atMost(t, "async small", baseSmall, 6)
	large := maps.Clone(small)
	large["dynamodb.PutItem"]++
	large["dynamodb.GetItem"] = 1
	base1KB := async("async 1 KB", filled(t, 1000), large)
	atMost(t, "async 1 KB", base1KB, 8)
	object := maps.Clone(small)
	object["s3.PutObject"], object["s3.GetObject"] = 2, 1 // the result is as large
	base26KB := async("async 26 KB", filled(t, 26_000), object)

	// A long one, with a second watcher from its middle on: pulses, renewals and each
	// watcher's frames, and nothing else.
	const duration, steps = 7500, 5
	var long string
	second = connectAs(t, s, u)
	t.Cleanup(func() { second.close(t) })
	counted := measure(t, s, func() {
		long = c.submit(t, "echo_async", echoAsync{"long", duration, steps})
		c.progress(t, long)
		as[protocol.Subscribed](t, second.about(t, protocol.ActionSubscribe, long))
		c.end(t, long)
		second.end(t, long)
	})
	frames := posts(t, "async of 7.5 s", counted, long, c, second)
	const subscriptions = 1
	pulses := counted["dynamodb.UpdateItem"] - small["dynamodb.UpdateItem"] - subscriptions
	renewals := counted["sqs.ChangeMessageVisibility"] - small["sqs.ChangeMessageVisibility"]
	extra := calls{
		"dynamodb.UpdateItem": pulses + subscriptions, "sqs.ChangeMessageVisibility": renewals,
		"execute-api.PostToConnection": frames - 1,
	}
	counted.without(extra).exactly(t, "async of 7.5 s", small)
	// The local stage pulses every second while something changes and every two while
	// nothing does, and holds a message for twelve seconds, renewed after six.
	if most := duration/1000 + 1; pulses < 2 || pulses > most {
		t.Errorf("%d pulses in %d ms, want 2 to %d", pulses, duration, most)
	}
	if renewals != 1 {
		t.Errorf("%d renewals in %d ms, want 1", renewals, duration)
	}

	get := measure(t, s, func() { as[protocol.Request](t, c.about(t, protocol.ActionGet, long)) })
	get.exactly(t, "streamer.get", calls{"dynamodb.GetItem": 1})
	subscribe := measure(t, s, func() { second.about(t, protocol.ActionUnsubscribe, long) })
	subscribe.exactly(t, "streamer.unsubscribe", calls{"dynamodb.UpdateItem": 1})

	t.Logf("calls: connect %d, disconnect %d, echo %d, async small %s, async 1 KB %s, async 26 KB %s; "+
		"+ 1 per progress frame and watcher, 1 per pulse (%d in 7.5 s), 1 per visibility renewal (%d), 1 per subscription; streamer.get %d",
		connect.total(), disconnect.total(), echo.total(), baseSmall, base1KB, base26KB, pulses, renewals, get.total())
}

// connectAs connects without the cleanup that a test's end brings.
func connectAs(t *testing.T, s *stage, u user) *client {
	t.Helper()
	token, err := s.sign(s.claims(u))
	if err != nil {
		t.Fatal(err)
	}
	c, status, err := open(t.Context(), s.socket+"?token="+token, nil)
	if err != nil {
		t.Fatalf("connect: %v (status %d)", err, status)
	}
	return c
}

// posts fails the test, as what was counted is void, unless the posts counted are the
// frames of the request that came to the clients by post: all but the router's answers.
func posts(t *testing.T, name string, counted calls, requestID string, clients ...*client) int {
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
		t.Fatalf("%s: %d posts were counted and %d frames came by post, so the figures are void", name, n, frames)
	}
	return frames
}

// calls are numbers of AWS calls by their names.
type calls map[string]int

// measure counts the calls that the functions make because of something.
func measure(t *testing.T, s *stage, something func()) calls {
	t.Helper()
	quiet(t, s)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.endpoint+"/_front/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	something()
	return quiet(t, s)
}

// quiet waits until no call has come for a while, and returns the counts then.
func quiet(t *testing.T, s *stage) calls {
	t.Helper()
	const still = 1200 * time.Millisecond // a disconnect is noticed late
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

// count reads the front's counts and leaves out what is not a function's at work:
// queries are the reconciler's, which runs when it will.
func count(t *testing.T, s *stage) calls {
	t.Helper()
	counted := calls{}
	if err := json.Unmarshal(download(t, s.endpoint+"/_front/calls"), &counted); err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(counted, func(name string, _ int) bool {
		service, _, _ := strings.Cut(name, ".")
		return name == "dynamodb.Query" || !slices.Contains([]string{"dynamodb", "sqs", "s3", "execute-api"}, service)
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

func (c calls) total() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}

// String is the sum and what it is made of: "2 (PutItem 1, UpdateItem 1)".
func (c calls) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(c)) {
		_, operation, _ := strings.Cut(name, ".")
		parts = append(parts, fmt.Sprintf("%s %d", operation, c[name]))
	}
	return fmt.Sprintf("%d (%s)", c.total(), strings.Join(parts, ", "))
}

func (c calls) exactly(t *testing.T, name string, want calls) {
	t.Helper()
	if !maps.Equal(c, want) {
		t.Errorf("%s makes %s, want %s", name, c, want)
	}
}

func atMost(t *testing.T, name string, c calls, most int) {
	t.Helper()
	if c.total() > most {
		t.Errorf("%s makes %s, at most %d are allowed", name, c, most)
	}
}
