// Package dispatcher is package serve for the dispatcher, which uses no service of AWS's but the
// queues: the clients of the others would cost it a sixth of its start.
package dispatcher

import (
	"github.com/pay-theory/streamer/functions/dispatcher"
	"github.com/pay-theory/streamer/functions/serve/outside"
	"github.com/pay-theory/streamer/functions/serve/process"
)

// Serve serves the requests stream.
func Serve() {
	d := dispatcher.Dispatcher{Queue: outside.Hints(), Metrics: process.Metrics(), Log: process.Logger()}
	process.Start(d.Handle)
}
