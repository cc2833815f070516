package client

import (
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// Update is a request's newest state.
type Update struct {
	// Status is where the request stands. It is PENDING until the stage says more.
	Status protocol.Status
	// Percentage is 0 to 100. It never falls within an attempt; the next one may start
	// below.
	Percentage float64
	// Message is what the handler says it is doing, at most 200 bytes. It is the
	// handler's text: whoever writes it to a terminal takes control characters out.
	Message string
	// Attempt counts the tries, from 1; 0 until the first has said something.
	Attempt int
	// NextAt is when the next attempt may start; zero unless Status is RETRYING.
	NextAt time.Time
	// Code says why the last attempt failed; empty unless Status is RETRYING or FAILED.
	Code protocol.Code
	// At is when the stage made the frame that this came with, by its clock.
	At time.Time
}

// after is what a frame makes of an update.
func (u Update) after(f protocol.Frame) Update {
	u.NextAt, u.Code = time.Time{}, ""
	switch f := f.(type) {
	case protocol.Accepted:
		u.Status, u.At = f.Status, time.UnixMilli(f.TS)
	case protocol.Subscribed:
		u.Status, u.Percentage, u.Message, u.Attempt, u.At = f.Status, f.Percentage, f.Message, f.Attempt, time.UnixMilli(f.TS)
	case protocol.Progress:
		u.Status, u.Percentage, u.Message, u.Attempt, u.At = protocol.Processing, f.Percentage, f.Message, f.Attempt, time.UnixMilli(f.TS)
	case protocol.RetryingFrame:
		u.Status, u.Attempt, u.At = protocol.Retrying, f.Attempt, time.UnixMilli(f.TS)
		u.NextAt, u.Code = time.UnixMilli(f.NextAt), f.Code
	case protocol.Complete:
		u.Status, u.Percentage, u.Attempt, u.At = protocol.Completed, 100, f.Attempt, time.UnixMilli(f.TS)
	case protocol.FailedFrame:
		u.Status, u.Attempt, u.At = protocol.Failed, f.Attempt, time.UnixMilli(f.TS)
		u.Code = f.Code
	case protocol.CancelledFrame:
		u.Status, u.At = protocol.Cancelled, time.UnixMilli(f.TS)
	}
	return u
}
