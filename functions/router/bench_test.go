package router_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/router"
	"github.com/pay-theory/streamer/internal/metric/metrictest"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// BenchmarkRoute is what the router itself does for a message, between what aws-lambda-go
// decoded and what it encodes, with a table in memory.
func BenchmarkRoute(b *testing.B) {
	echo := streamer.Action[json.RawMessage, json.RawMessage]{Name: "echo"}
	work := streamer.Action[json.RawMessage, json.RawMessage]{Name: "work", Async: true}
	registry, err := streamer.NewRegistry(work, echo.Bind(func(_ context.Context, req *streamer.Request[json.RawMessage], rep streamer.Reporter[json.RawMessage]) error {
		return rep.Complete(req.Payload)
	}))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, body string
		want       protocol.Type
	}{
		{"ping", `{"action":"streamer.ping"}`, protocol.TypePong},
		{"sync", `{"action":"echo","id":"m-1","payload":{"text":"All that is gold does not glitter"}}`, protocol.TypeResponse},
		{"async", `{"action":"work","id":"m-1","payload":{"start_date":"2024-01-01"}}`, protocol.TypeAccepted},
		{"refused", `{"action":"nothing","id":"m-1"}`, protocol.TypeError},
	} {
		b.Run(c.name, func(b *testing.B) {
			made := 0
			r := &router.Router{
				Registry: registry, Requests: store.NewMemory(), Connections: &connections{rows: map[string]store.Connection{}},
				Manager: &poster{}, Files: &bucket{}, Clock: &watch{at: start},
				NewID: func(time.Time) string {
					made++
					return fmt.Sprintf("01JGH%021d", made)
				},
				Metrics: &metrictest.Tally{}, Log: slog.New(slog.DiscardHandler),
			}
			ev := event(b, "message")
			ev.Body = c.body
			b.ReportAllocs()
			for b.Loop() {
				answer, err := r.Handle(b.Context(), ev)
				if err != nil || !strings.HasPrefix(answer.Body, `{"type":"`+string(c.want)+`"`) {
					b.Fatalf("answered %s, err %v", answer.Body, err)
				}
			}
		})
	}
}
