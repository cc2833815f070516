package handlers

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/pay-theory/streamer"
)

// HandOver is the sample whose work is done by other compute than a function: its handler
// hands the request over and leaves the ticket among the request's files, where a process
// of the account finds it. A handler of your own starts a task and gives it the ticket.
// The result is whatever that process makes of the payload's work, which is nobody else's
// business.
var HandOver = streamer.Action[HandOverIn, json.RawMessage]{Name: "hand_over", Async: true, Redact: true}

// TicketFile is the name of the file with the ticket.
const TicketFile = "ticket.txt"

// HandOverIn is the payload of HandOver.
type HandOverIn struct {
	// SilenceMS is how long nothing may be heard from the process before the next attempt,
	// in milliseconds, within the bounds of streamer.HandOver; 0 is its default.
	SilenceMS int64 `json:"silence_ms,omitempty"`
	// Work is for the process alone.
	Work json.RawMessage `json:"work,omitempty"`
}

// Validate refuses what is out of bounds.
func (in *HandOverIn) Validate() error {
	if in.SilenceMS != 0 && (in.SilenceMS < streamer.MinSilence.Milliseconds() || in.SilenceMS > streamer.MaxSilence.Milliseconds()) {
		return streamer.Invalid("silence_ms", "%d is not %d to %d milliseconds", in.SilenceMS, streamer.MinSilence.Milliseconds(), streamer.MaxSilence.Milliseconds())
	}
	return nil
}

// HandOverHandler does HandOver.
func HandOverHandler(ctx context.Context, req *streamer.Request[HandOverIn], _ streamer.Reporter[json.RawMessage]) error {
	ticket, err := streamer.HandOver(ctx, time.Duration(req.Payload.SilenceMS)*time.Millisecond)
	if err != nil {
		return err
	}
	_, err = req.Files.Put(ctx, TicketFile, "text/plain", strings.NewReader(ticket))
	return err
}
