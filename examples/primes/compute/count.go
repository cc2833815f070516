// Package compute has the handlers of the actions that package primes declares.
package compute

import (
	"context"
	"fmt"

	"example.com/primes/primes"
	"github.com/dustin/go-humanize"
	"github.com/pay-theory/streamer"
)

// Count counts by trial division, slowly on purpose. It reports with every number:
// Streamer sends as many of the reports as a person can see.
func Count(ctx context.Context, req *streamer.Request[primes.CountIn], r streamer.Reporter[primes.CountOut]) error {
	var out primes.CountOut
	for n := 2; n <= req.Payload.UpTo; n++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if isPrime(n) {
			out.Primes++
			out.Largest = n
		}
		r.Report(100*float64(n)/float64(req.Payload.UpTo), fmt.Sprintf("%s primes up to %s", humanize.Comma(int64(out.Primes)), humanize.Comma(int64(n))))
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
