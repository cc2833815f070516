package integ_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// killable returns the local stage if the processes of its functions can be killed, or
// skips the test.
func killable(t *testing.T) *stage {
	t.Helper()
	s := local(t, "functions that may be killed")
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux, where the front finds the process behind a call")
	}
	return s
}

// faults puts rules in force until the test ends, and returns the name of their set.
func faults(t *testing.T, s *stage, rules ...front.Rule) string {
	t.Helper()
	set := rand.Text()
	control(t, http.MethodPut, s.endpoint+"/_front/faults/"+set, rules)
	t.Cleanup(func() { clearFaults(t, s, set) })
	return set
}

func clearFaults(t *testing.T, s *stage, set string) {
	t.Helper()
	control(t, http.MethodDelete, s.endpoint+"/_front/faults/"+set, nil)
}

// struck is a rule with what it did.
type struck struct {
	front.Rule
	Seen int         `json:"seen"`
	Hits []front.Hit `json:"hits"`
}

// hits are the rules of a set and what they did so far. That one could not be made fails
// the test.
func hits(t *testing.T, s *stage, set string) []struck {
	t.Helper()
	var rules []struck
	if err := json.Unmarshal(control(t, http.MethodGet, s.endpoint+"/_front/faults/"+set, nil), &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		for _, h := range r.Hits {
			if h.Error != "" {
				t.Fatalf("%s of %s: %s", r.Fault, h.Operation, h.Error)
			}
		}
	}
	return rules
}

// awaitHits waits until the first rule of a set has struck so often.
func awaitHits(t *testing.T, s *stage, set string, n int) []front.Hit {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		rules := hits(t, s, set)
		if len(rules[0].Hits) >= n {
			return rules[0].Hits
		}
		if time.Now().After(end) {
			t.Fatalf("after %s %+v has struck %d times, want %d", patience, rules[0].Rule, len(rules[0].Hits), n)
		}
	}
}

// control makes a call to the front itself.
func control(t *testing.T, method, url string, body any) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // cleanups make calls too
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(object(t, body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s, %v: %s", method, url, resp.Status, err, answer)
	}
	return answer
}

// invoke runs a function by its name and returns what it failed with, if it did.
func invoke(t *testing.T, name string) (failure string) {
	t.Helper()
	out, err := lambda.NewFromConfig(awsConfig(t)).Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if out.FunctionError != nil {
		return string(out.Payload)
	}
	return ""
}

// marked is a user whose tenant stands in all that is about the requests of order:
// in the keys of their rows, in their hints, and as the ref in what is posted of them. So
// rules that look for it are about these requests alone, and tests with faults run side
// by side.
func marked() (u user, mark string) {
	u = fresh()
	return u, u.tenant
}

// order is a message that asks for an echo of that duration in five steps. Its payload
// is kept outside of the row, so that it has to be read.
func order(t *testing.T, mark, key string, duration time.Duration) protocol.Message {
	t.Helper()
	return protocol.Message{
		Action: "echo_async", ID: mark + "-" + key, IdempotencyKey: key,
		Payload: object(t, echoAsync{filled(t, 400), int(duration.Milliseconds()), 5}),
	}
}

// place sends an order again and again until it is accepted, as a client does that gets
// errors it may retry, and returns the request's id. It returns the answers before.
func place(t *testing.T, c *client, m protocol.Message) (requestID string, before []frame) {
	t.Helper()
	id := m.ID
	for n := 1; n <= 20; n++ {
		f := c.ask(t, m)
		if f.Type() == protocol.TypeAccepted {
			return f.RequestID, before
		}
		if e := as[protocol.Error](t, f); !e.Retryable {
			t.Fatalf("%s is refused for good: %s", id, f.raw)
		}
		before = append(before, f)
		m.ID = id + "-" + string(rune('a'+n)) // to tell the answers apart
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s is not accepted: %s", id, before[len(before)-1].raw)
	return "", nil
}

// row asks for a request as often as it takes to be told.
func row(t *testing.T, c *client, requestID string) protocol.Request {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		f := c.about(t, protocol.ActionGet, requestID)
		if r, ok := f.Frame.(protocol.Request); ok {
			return r
		}
		if e := as[protocol.Error](t, f); !e.Retryable || time.Now().After(end) {
			t.Fatalf("streamer.get of %s: %s", requestID, f.raw)
		}
	}
}

// over waits until a request's row is terminal.
func over(t *testing.T, c *client, requestID string, within time.Duration) protocol.Request {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(250 * time.Millisecond) {
		r := row(t, c, requestID)
		if r.Status.Terminal() {
			return r
		}
		if time.Now().After(end) {
			t.Fatalf("after %s the request is %+v", within, r)
		}
	}
}

// awsConfig is that of the stage's root.
func awsConfig(t *testing.T) aws.Config {
	t.Helper()
	// An answer that comes before the SDK has looked for the end of what it sent makes it
	// fail, time and again on a loopback that is quicker than a busy machine.
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRetryMaxAttempts(20))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
