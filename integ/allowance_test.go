package integ_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/coder/websocket"

	sdk "github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
)

// The stage's own limits are none, so that what all other tests count is the least there is.
// Here the router has some, for as long as this test runs alone. TestFigures has what they cost.
func TestLimits(t *testing.T) {
	s := local(t, "a router that may be changed")
	limit(t, s, contract.Limits{
		User:   contract.Allowance{Connections: 4, Requests: 3, SubmitsPerSecond: 2},
		Tenant: contract.Allowance{Requests: 5},
	})

	// One user's flood takes nothing from another of the same tenant, and neither does a
	// client that sends and never reads.
	t.Run("a flood", func(t *testing.T) {
		u := fresh()
		flooder, deaf, other := dial(t, u), unread(t, s, u), dial(t, user{u.tenant, "bob"})
		running := make([]string, 3)
		for i := range running {
			running[i] = flooder.submit(t, "echo_async", echoAsync{"mine", 60_000, 60})
		}
		const many = 60
		var flood sync.WaitGroup
		flood.Go(func() {
			for range many {
				deaf(protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{"deaf", 60_000, 60})})
			}
		})
		for range many {
			flooder.send(t, protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{"flood", 60_000, 60})})
		}
		for range 2 {
			id := other.submit(t, "echo_async", echoAsync{"other", 0, 1})
			as[protocol.Complete](t, other.end(t, id))
		}
		flood.Wait()
		flooder.wait(t, "as many refusals", func(frame) bool { return len(flooder.frames(isError)) >= many })
		for _, f := range flooder.frames(isError) {
			e := as[protocol.Error](t, f)
			if e.Code != protocol.TooManyRequests && e.Code != protocol.TooFast || !e.Retryable || e.Details["limit"] != "user" {
				t.Fatalf("the flood is answered with %s", f.raw)
			}
			if after, _ := e.Details["retry_after_ms"].(float64); after < 1 {
				t.Fatalf("the flood is answered with %s", f.raw)
			}
		}
		flooder.ping(t)
		for _, id := range running {
			flooder.about(t, protocol.ActionCancel, id)
			flooder.end(t, id)
		}
	})

	// A client of ours waits its turn, and all of its requests end.
	t.Run("the Go client", func(t *testing.T) {
		c := connect(t, s, fresh(), sdk.Options{})
		runs := make(chan error)
		const many = 5
		for range many {
			go func() {
				run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, echoFor(300*time.Millisecond, 1), nil)
				if err == nil {
					_, err = run.Result(t.Context())
				}
				runs <- err
			}()
		}
		for range many {
			if err := <-runs; err != nil {
				t.Error(err)
			}
		}
	})

	t.Run("connections", func(t *testing.T) {
		u := fresh()
		for range 4 {
			dial(t, u)
		}
		_, status, err := open(t.Context(), s.socket+"?token="+s.token(t, u), nil)
		// The router's status is 429; the emulator makes 403 of any but 200.
		if err == nil || status != http.StatusTooManyRequests && status != http.StatusForbidden {
			t.Errorf("a fifth connection is answered with %d, err %v", status, err)
		}
		dial(t, user{u.tenant, "bob"})
	})
}

// limit has the router keep limits until the test ends.
func limit(t *testing.T, s *stage, l contract.Limits) {
	t.Helper()
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	reconfigure(t, s, "StreamerRouter", func(before *lambda.GetFunctionConfigurationOutput, set *lambda.UpdateFunctionConfigurationInput) {
		with := maps.Clone(before.Environment.Variables)
		with[contract.EnvLimits] = string(text)
		set.Environment = &lambdatypes.Environment{Variables: with}
	})
}

// unread is a connection that sends and whose socket nobody reads.
func unread(t *testing.T, s *stage, u user) (send func(protocol.Message)) {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.socket+"?token="+s.token(t, u), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() }) // it is not read, so it cannot be closed in peace
	return func(m protocol.Message) {
		if err := conn.Write(t.Context(), websocket.MessageText, object(t, m)); err != nil {
			t.Error(err)
		}
	}
}
