// Command router is Streamer's router function with the sample actions.
package main

import (
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/functions/serve"
)

func main() {
	serve.Router(handlers.Echo.Bind(handlers.EchoHandler), handlers.EchoAsync, handlers.Count, handlers.HandOver, handlers.GenerateReport)
}
