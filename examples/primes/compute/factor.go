package compute

import (
	"context"
	"math"
	"strings"

	"example.com/primes/primes"
	"github.com/dustin/go-humanize"
	"github.com/pay-theory/streamer"
)

// reportEvery is how many divisors are tried between two looks at the context.
const reportEvery = 100_000

// Factor divides by every number up to the root of what is left.
func Factor(ctx context.Context, req *streamer.Request[primes.FactorIn], r streamer.Reporter[primes.FactorOut]) error {
	left := req.Payload.Number
	var out primes.FactorOut
	for d := int64(2); d*d <= left; d++ {
		for left%d == 0 {
			out.Factors, left = append(out.Factors, d), left/d
		}
		if d%reportEvery == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			r.Report(100*float64(d)/math.Sqrt(float64(left)), "tried all up to "+humanize.Comma(d))
		}
	}
	if left > 1 {
		out.Factors = append(out.Factors, left)
	}
	out.Text = equation(req.Payload.Number, out.Factors)
	return r.Complete(out)
}

// equation is "1,001 = 7 × 11 × 13".
func equation(number int64, factors []int64) string {
	texts := make([]string, len(factors))
	for i, f := range factors {
		texts[i] = humanize.Comma(f)
	}
	return humanize.Comma(number) + " = " + strings.Join(texts, " × ")
}
