package ticket_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/internal/ticket"
)

func good() ticket.Ticket {
	return ticket.Ticket{
		Ticket: lifecycle.Ticket{Key: lifecycle.Key{Tenant: "acme", ID: "01JGH00000000000000000000A"}, Fence: 3, CreatedAt: 1_767_225_600_123},
		Action: "transcode",
		Stage: ticket.Stage{
			ConnectionsTable: "Shop-StreamerConnections7F8E9D0C-1A2B3C4D5E6F", RequestsTable: "Shop-StreamerRequests2B3C4D5E-1A2B3C4D5E6F", FilesBucket: "shop-streamerfiles6f7a8b9c-0d1e2f3a4b5c",
			CallbackURL: "https://abcdefghij.execute-api.eu-central-1.amazonaws.com/v1",
		},
		Clocks: progress.Clocks{Lease: 5 * time.Minute, Pulse: 2 * time.Second, PulseIdle: 10 * time.Second, Interval: 250 * time.Millisecond},
	}
}

func TestTicket(t *testing.T) {
	text := good().String()
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(text) || len(text) > 700 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	if got, err := ticket.Parse(text); err != nil || got != good() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatIsNoTicket(t *testing.T) {
	change := func(f func(*ticket.Ticket)) string {
		made := good()
		f(&made)
		return made.String()
	}
	encode := base64.RawURLEncoding.EncodeToString
	for text, want := range map[string]string{
		"":                         "it is none",
		"secret words":             "it is none",
		good().String()[:40]:       "it is none",
		encode([]byte(`[]`)):       "it is none",
		encode([]byte(`{"v":2}`)):  "its version is 2",
		encode([]byte(`{"v":1}`)):  "it names no attempt",
		good().String() + "secret": "it is none",
		change(func(t *ticket.Ticket) { t.Key.Tenant = "acme#R#1" }):                         "it names no attempt",
		change(func(t *ticket.Ticket) { t.Key.ID = "../01JGH" }):                             "it names no attempt",
		change(func(t *ticket.Ticket) { t.Fence = 0 }):                                       "it names no attempt",
		change(func(t *ticket.Ticket) { t.CreatedAt = 0 }):                                   "it names no attempt",
		change(func(t *ticket.Ticket) { t.Action = "" }):                                     "it names no attempt",
		change(func(t *ticket.Ticket) { t.Stage.RequestsTable = "" }):                        "it names no stage",
		change(func(t *ticket.Ticket) { t.Stage.ConnectionsTable = "" }):                     "it names no stage",
		change(func(t *ticket.Ticket) { t.Stage.FilesBucket = "" }):                          "it names no stage",
		change(func(t *ticket.Ticket) { t.Stage.CallbackURL = "abc" }):                       "it names no stage",
		change(func(t *ticket.Ticket) { t.Stage.CallbackURL = "http://[" }):                  "it names no stage",
		change(func(t *ticket.Ticket) { t.Clocks.Lease = t.Clocks.PulseIdle }):               "its clocks are none",
		change(func(t *ticket.Ticket) { t.Clocks.PulseIdle = t.Clocks.Pulse / 2 }):           "its clocks are none",
		change(func(t *ticket.Ticket) { t.Clocks.Lease = 13 * time.Hour }):                   "its clocks are none",
		change(func(t *ticket.Ticket) { t.Clocks.Interval = 0 }):                             "its clocks are none",
		change(func(t *ticket.Ticket) { t.Clocks.Pulse, t.Clocks.PulseIdle = 0, time.Hour }): "its clocks are none",
	} {
		if _, err := ticket.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
