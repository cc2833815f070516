// Command processor is the app's processor: it does the work.
package main

import (
	"example.com/primes/compute"
	"example.com/primes/primes"
	"github.com/pay-theory/streamer/functions/serve"
)

func main() {
	serve.Processor(primes.Count.Bind(compute.Count), primes.Factor.Bind(compute.Factor))
}
