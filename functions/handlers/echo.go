package handlers

import (
	"context"
	"encoding/json"

	"github.com/pay-theory/streamer"
)

// Echo is the sync sample: its result is its payload, whatever JSON that is.
var Echo = streamer.Action[json.RawMessage, json.RawMessage]{Name: "echo"}

// EchoHandler does Echo. An absent payload comes back as null.
func EchoHandler(_ context.Context, req *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage]) error {
	return r.Complete(req.Payload)
}
