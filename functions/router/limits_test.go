package router_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/protocol"
)

// limited is open with limits.
func limited(t *testing.T, l contract.Limits) *world {
	t.Helper()
	w := open(t, echoAsync)
	w.Gate = &limits.Gate{Limits: l, Ledgers: w.requests.Memory, Connections: w.connections, Clock: w.clock}
	return w
}

func TestTooManyOpenRequests(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{Requests: 2}})
	submit := `{"action":"echo_async","payload":{"n":1},"id":"i"}`
	first := w.accept(t, w.message(t, submit))
	w.accept(t, w.message(t, submit))
	f := w.refused(t, w.message(t, submit), protocol.TooManyRequests)
	if !f.Retryable || f.Details["retry_after_ms"] == nil || f.Details["limit"] != "user" || f.ID != "i" {
		t.Errorf("answered %+v", f)
	}
	if got := w.metrics.Sums()["MessagesRefused TOO_MANY_REQUESTS"]; got != 1 {
		t.Errorf("metrics %v", w.metrics.Sums())
	}
	w.accept(t, as(w.message(t, submit), "acme", "bob", "c2"))
	w.accept(t, as(w.message(t, submit), "globex", "ann", "c3"))

	// What else one does is not limited by it.
	for _, body := range []string{`{"action":"streamer.ping"}`, `{"action":"streamer.list"}`, `{"action":"streamer.get","request_id":"` + first + `"}`} {
		if f, refused := w.say(t, body).(protocol.Error); refused {
			t.Errorf("%s is answered with %+v", body, f)
		}
	}
	w.say(t, `{"action":"streamer.cancel","request_id":"`+first+`"}`)
	w.clock.set(w.clock.Now().Add(2 * time.Second))
	w.accept(t, w.message(t, submit))
}

func TestTooFast(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{SubmitsPerSecond: 1}})
	for range contract.SubmitSeconds {
		w.accept(t, w.message(t, `{"action":"echo_async","payload":{"n":1}}`))
	}
	f := w.refused(t, w.message(t, `{"action":"echo_async","payload":{"n":1}}`), protocol.TooFast)
	if after, _ := f.Details["retry_after_ms"].(float64); !f.Retryable || after < 900 || after > 1001 {
		t.Errorf("answered %+v", f)
	}
}

// TestTooManyUploads: they are counted beside submissions, and what is no announcement is not.
func TestTooManyUploads(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{SubmitsPerSecond: 1}})
	for range contract.SubmitSeconds {
		w.refused(t, w.message(t, `{"action":"streamer.upload","payload":{"size":0}}`), protocol.InvalidPayload)
		if f, ok := w.say(t, announce(`"x"`)).(protocol.Upload); !ok {
			t.Fatalf("answered %+v", f)
		}
	}
	f := w.refused(t, w.message(t, announce(`"x"`)), protocol.TooFast)
	if after, _ := f.Details["retry_after_ms"].(float64); !f.Retryable || after < 900 || after > 1001 || !strings.Contains(f.Message, "announces more than 1 uploads a second") {
		t.Errorf("answered %+v", f)
	}
	w.accept(t, w.message(t, `{"action":"echo_async","payload":{"n":1}}`))
	if f, ok := w.send(t, as(w.message(t, announce(`"x"`)), "acme", "bob", "c2")).(protocol.Upload); !ok {
		t.Errorf("another is answered %+v", f)
	}
	w.clock.set(w.clock.Now().Add(time.Second))
	if f, ok := w.say(t, announce(`"x"`)).(protocol.Upload); !ok {
		t.Errorf("a second later it is %+v", f)
	}
}

// TestTheSameKeyIsNoNewRequest: whoever sends again what was accepted is told so, whatever
// else is open.
func TestTheSameKeyIsNoNewRequest(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{Requests: 1}})
	keyed := `{"action":"echo_async","payload":{"n":1},"idempotency_key":"k"}`
	id := w.accept(t, w.message(t, keyed))
	w.clock.set(w.clock.Now().Add(5 * time.Second))
	for range 3 {
		f, ok := w.say(t, keyed).(protocol.Accepted)
		if !ok || !f.Duplicate || f.RequestID != id {
			t.Fatalf("answered %+v", f)
		}
	}
}

// TestARefusalLeavesNothing: neither row nor payload.
func TestARefusalLeavesNothing(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{Requests: 1}})
	w.accept(t, w.message(t, `{"action":"echo_async","payload":{"n":1}}`))
	var wrote []string
	w.requests.fail = func(op string) error { wrote = append(wrote, op); return nil }
	for _, size := range []int{1, 2_000, 26_000} {
		w.refused(t, w.message(t, fmt.Sprintf(`{"action":"echo_async","payload":{"n":1,"text":%q}}`, strings.Repeat("x", size))), protocol.TooManyRequests)
	}
	if len(wrote) != 0 || len(w.files.documents) != 0 {
		t.Errorf("wrote %v and %d documents", wrote, len(w.files.documents))
	}
}

func TestTooManyConnections(t *testing.T) {
	w := limited(t, contract.Limits{User: contract.Allowance{Connections: 2}})
	connect := func(id string) int {
		ev := event(t, "connect")
		ev.RequestContext.ConnectionID = id
		return w.invoke(t, t.Context(), ev).StatusCode
	}
	for _, id := range []string{"c1", "c2"} {
		if got := connect(id); got != http.StatusOK {
			t.Errorf("%s is answered %d", id, got)
		}
	}
	if got := connect("c3"); got != http.StatusTooManyRequests || len(w.connections.rows) != 2 {
		t.Errorf("c3 is answered %d, %d rows", got, len(w.connections.rows))
	}
	if w.metrics.Sums()["ConnectsRefused TOO_MANY_CONNECTIONS"] != 1 || strings.Contains(w.log.String(), `"level":"ERROR"`) {
		t.Errorf("metrics %v, log %s", w.metrics.Sums(), w.log)
	}
	gone := event(t, "disconnect")
	gone.RequestContext.ConnectionID = "c1"
	w.invoke(t, t.Context(), gone)
	w.clock.set(w.clock.Now().Add(time.Minute))
	if got := connect("c4"); got != http.StatusOK {
		t.Errorf("c4 is answered %d", got)
	}
}
