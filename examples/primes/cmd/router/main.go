// Command router is the app's router: it knows the action, and not its handler.
package main

import (
	"example.com/primes/primes"
	"github.com/pay-theory/streamer/functions/serve"
)

func main() { serve.Router(primes.Count) }
