// Command router is the app's router: it knows the actions, and not their handlers.
package main

import (
	"example.com/primes/primes"
	"github.com/pay-theory/streamer/functions/serve"
)

func main() { serve.Router(primes.Count, primes.Factor) }
