package remote_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/remote"
)

var good = ticket.Ticket{
	Ticket: lifecycle.Ticket{Key: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}, Fence: 1, CreatedAt: 1},
	Action: "transcode",
	Stage:  ticket.Stage{ConnectionsTable: "c", RequestsTable: "r", FilesBucket: "f", CallbackURL: "https://api.example/v1"},
	Clocks: progress.Clocks{Lease: time.Minute, Pulse: time.Second, PulseIdle: 10 * time.Second, Interval: time.Second},
}.String()

// What makes no sense is told before any call is made: there is nothing to be called here.
func TestWhatMakesNoSense(t *testing.T) {
	here := remote.Config{AWS: aws.Config{Region: "eu-central-1"}}
	other := streamer.Action[json.RawMessage, json.RawMessage]{Name: "resize", Async: true}.Bind(
		func(context.Context, *streamer.Request[json.RawMessage], streamer.Reporter[json.RawMessage]) error {
			return nil
		})
	for want, err := range map[string]error{
		"read ticket":                                   remote.Run(t.Context(), here, "none", other),
		"read ticket: it is none":                       remote.Report(t.Context(), here, "", 1, ""),
		"Config.AWS has no region":                      remote.Complete(t.Context(), remote.Config{}, good, 1),
		`action "transcode", which has no handler here`: remote.Run(t.Context(), here, good, other),
		"declared twice":                                remote.Run(t.Context(), here, good, other, other),
		"result is not JSON":                            remote.Complete(t.Context(), here, good, func() {}),
		"there is no cause":                             remote.Fail(t.Context(), here, good, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if remote.Check(good) != nil || remote.Check("none") == nil {
		t.Error("a good ticket is none, or none is a good one")
	}
}
