package primes

import (
	"context"
	"fmt"

	"github.com/pay-theory/streamer"
)

// HandleCount counts by trial division, slowly on purpose. It reports with every number:
// Streamer sends as many of the reports as a person can see.
func HandleCount(ctx context.Context, req *streamer.Request[CountIn], r streamer.Reporter[CountOut]) error {
	var out CountOut
	for n := 2; n <= req.Payload.UpTo; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if isPrime(n) {
			out.Primes++
			out.Largest = n
		}
		r.Report(100*float64(n)/float64(req.Payload.UpTo), fmt.Sprintf("%d primes up to %d", out.Primes, n))
	}
	return r.Complete(out)
}

func isPrime(n int) bool {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return false
		}
	}
	return true
}
