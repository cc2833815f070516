// Package ticket is what a handler gives to the compute that it hands its request over to:
// which attempt it is good for, and where and how that compute reports.
package ticket

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/identity"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/progress"
	"github.com/pay-theory/streamer/protocol"
)

// Ticket is good for one attempt.
type Ticket struct {
	lifecycle.Ticket
	// Action is the request's, so that whoever has the ticket knows what it is before it
	// takes over.
	Action string
	Stage  Stage
	// Clocks are those of the stage, but for the lease, which is as long as the compute may
	// be silent.
	Clocks progress.Clocks
}

// Stage says where a Streamer is.
type Stage struct {
	ConnectionsTable string `json:"connections"`
	RequestsTable    string `json:"requests"`
	FilesBucket      string `json:"files"`
	// CallbackURL is where frames are posted to.
	CallbackURL string `json:"callback"`
}

// version is of the form. A ticket lives no longer than its request.
const version = 1

// form is a ticket as it is written. Times are milliseconds.
type form struct {
	V         int    `json:"v"`
	Tenant    string `json:"tenant"`
	RequestID string `json:"request_id"`
	Fence     int64  `json:"fence"`
	CreatedAt int64  `json:"created_at"`
	Action    string `json:"action"`
	Stage
	Lease     int64 `json:"lease"`
	Pulse     int64 `json:"pulse"`
	PulseIdle int64 `json:"pulse_idle"`
	Progress  int64 `json:"progress"`
}

// String writes a ticket: letters, digits, - and _.
func (t Ticket) String() string {
	text, err := json.Marshal(form{
		V: version, Tenant: t.Key.Tenant, RequestID: t.Key.ID, Fence: t.Fence, CreatedAt: t.CreatedAt, Action: t.Action, Stage: t.Stage,
		Lease: t.Clocks.Lease.Milliseconds(), Pulse: t.Clocks.Pulse.Milliseconds(),
		PulseIdle: t.Clocks.PulseIdle.Milliseconds(), Progress: t.Clocks.Interval.Milliseconds(),
	})
	if err != nil {
		panic(err) // strings and numbers are always JSON
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Parse reads a ticket. Its error does not repeat it.
func Parse(text string) (Ticket, error) {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return Ticket{}, errors.New("read ticket: it is none, or not all of it")
	}
	var f form
	if err := json.Unmarshal(decoded, &f); err != nil {
		return Ticket{}, errors.New("read ticket: it is none, or not all of it")
	}
	if f.V != version {
		return Ticket{}, fmt.Errorf("read ticket: its version is %d, and here %d is known: build this program with the stage's Streamer", f.V, version)
	}
	if err := f.validate(); err != nil {
		return Ticket{}, fmt.Errorf("read ticket: %w", err)
	}
	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	return Ticket{
		Ticket: lifecycle.Ticket{Key: lifecycle.Key{Tenant: f.Tenant, ID: f.RequestID}, Fence: f.Fence, CreatedAt: f.CreatedAt},
		Action: f.Action, Stage: f.Stage,
		Clocks: progress.Clocks{Lease: ms(f.Lease), Pulse: ms(f.Pulse), PulseIdle: ms(f.PulseIdle), Interval: ms(f.Progress)},
	}, nil
}

func (f form) validate() error {
	callback, err := url.Parse(f.CallbackURL)
	switch {
	case identity.CheckTenant(f.Tenant) != nil || !lifecycle.ValidID(f.RequestID) || f.Fence < 1 || f.CreatedAt < 1 || !protocol.ActionName().MatchString(f.Action):
		return errors.New("it names no attempt")
	case err != nil || callback.Host == "" || f.ConnectionsTable == "" || f.RequestsTable == "" || f.FilesBucket == "":
		return errors.New("it names no stage")
	case f.Pulse < 1 || f.PulseIdle < f.Pulse || f.Lease <= f.PulseIdle || f.Progress < 1 || max(f.Lease, f.Progress) > streamer.MaxSilence.Milliseconds():
		return errors.New("its clocks are none")
	}
	return nil
}
