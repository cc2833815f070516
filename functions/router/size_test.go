package router_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/tracing"
	"github.com/pay-theory/streamer/internal/tracing/tracingtest"
	"github.com/pay-theory/streamer/protocol"
)

// itemSize is what DynamoDB bills a row as, in bytes (DynamoDB developer guide, "DynamoDB
// item sizes and formats"): names and values, a number as a byte for two of its
// significant digits and one more.
func itemSize(t *testing.T, row lifecycle.Row) int {
	t.Helper()
	it, err := attributevalue.MarshalMap(row)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for name, value := range it {
		size += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberB:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(v.Value), "0")
			size += (len(digits)+1)/2 + 1
		case *types.AttributeValueMemberSS:
			for _, s := range v.Value {
				size += len(s)
			}
		default:
			t.Fatalf("%s is a %T", name, value)
		}
	}
	return size
}

// TestSizeOfTheRowThatPulsesTouch: DynamoDB bills each update of an item by the whole
// item, a kilobyte at a time.
func TestSizeOfTheRowThatPulsesTouch(t *testing.T) {
	const (
		carrier = "19dd0b57-b21e-4ac1-bd88-01bbb068cb78" // an SQS message id
		owner   = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef" // a Lambda request id
	)
	long := strings.Repeat("n", protocol.MaxActionName)
	for _, c := range []struct {
		name                  string
		tenant, user, action  string
		id, payload, progress string
		watchers              int
		most                  int // 0: reported alone
	}{
		{"ordinary", "acme", "4f1c2d3e-5a6b-7c8d-9e0f-112233445566", "generate_report", "r1",
			`{"start_date":"2024-01-01","end_date":"2024-01-31"}`, "Querying data...", 1, 1000},
		{"ordinary, no payload in the row", "acme", "4f1c2d3e-5a6b-7c8d-9e0f-112233445566", "generate_report", "r1", text(5000), "Querying data...", 1, 1000},
		{"ordinary, largest payload in the row", "acme", "4f1c2d3e-5a6b-7c8d-9e0f-112233445566", "generate_report", "r1", text(200), "Querying data...", 1, 1000},
		{"worst", strings.Repeat("t", 64), strings.Repeat("u", 128), long, strings.Repeat("i", protocol.MaxID), text(200),
			strings.Repeat("p", protocol.MaxProgressMessage), protocol.MaxWatchers, 0},
	} {
		w := open(t, streamer.Action[any, any]{Name: c.action, Async: true})
		w.Router.Door = tracing.Door{Tracer: tracingtest.New()}
		ev := as(w.message(t, `{"action":"`+c.action+`","id":"`+c.id+`","payload":`+c.payload+`}`), c.tenant, c.user, connectionID)
		ev.RequestContext.RequestID = "e_4sfEPGoAMFeWQ="
		f, ok := w.sendWith(t, traced(t.Context()), ev).(protocol.Accepted)
		if !ok {
			t.Fatalf("%s: not accepted", c.name)
		}
		key := lifecycle.Key{Tenant: c.tenant, ID: f.RequestID}
		step := func(u lifecycle.Update) lifecycle.Row {
			row, err := w.requests.Memory.Update(t.Context(), key, u)
			if err != nil {
				t.Fatal(err)
			}
			return row
		}
		for i := range c.watchers - 1 {
			step(lifecycle.Watch(c.user, fmt.Sprintf("e_4sOfGfIAMCJ%02d=", i)))
		}
		accepted := itemSize(t, w.row(t, c.tenant, f.RequestID))
		claimed := itemSize(t, step(lifecycle.Claim(carrier, owner, start.Add(123*time.Millisecond), 30*time.Second)))
		pulsed := itemSize(t, step(lifecycle.Pulse(1, lifecycle.State{Percentage: 33.3, Message: c.progress, Seq: lifecycle.Seq(1, 17)}, start.Add(2*time.Second), 30*time.Second, nil)))
		t.Logf("%s: %d bytes when accepted, %d when claimed, %d after a pulse", c.name, accepted, claimed, pulsed)
		if c.most != 0 && pulsed >= c.most {
			t.Errorf("%s: the row has %d bytes after a pulse, it must stay below %d", c.name, pulsed, c.most)
		}
		// The same once its attempt has gone on in another function, with a state.
		state := lifecycle.Document{At: lifecycle.PlaceObject, Hash: make([]byte, 32)}
		if len(c.payload) < 100 {
			state = lifecycle.Document{JSON: text(100)}
		}
		step(lifecycle.Save(1, 1, state))
		step(lifecycle.Continue(1, lifecycle.State{Percentage: 33.3, Message: c.progress, Seq: lifecycle.Seq(1, 17)}, start.Add(3*time.Second)))
		step(lifecycle.Resume(1, carrier, owner, start.Add(4*time.Second), 30*time.Second))
		pulsed = itemSize(t, step(lifecycle.Pulse(2, lifecycle.State{Percentage: 33.3, Message: c.progress, Seq: lifecycle.Seq(2, 17)}, start.Add(6*time.Second), 30*time.Second, nil)))
		t.Logf("%s: %d bytes when it goes on with a state", c.name, pulsed)
		if c.most != 0 && pulsed >= c.most {
			t.Errorf("%s: the row has %d bytes when it goes on with a state, it must stay below %d", c.name, pulsed, c.most)
		}
	}
}
