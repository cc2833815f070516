// Package primes counts prime numbers: an action of one's own, with work that takes time.
package primes

import "github.com/pay-theory/streamer"

// Count is the action, declared once for the router, the processor and clients in Go.
var Count = streamer.Action[CountIn, CountOut]{Name: "count_primes", Async: true}

// CountIn asks for the primes up to a number.
type CountIn struct {
	UpTo int `json:"up_to"` // 2 to 10,000,000
}

// CountOut is how many there are.
type CountOut struct {
	Primes  int `json:"primes"`
	Largest int `json:"largest"`
}

// Validate refuses what would take too long, or has no answer.
func (in CountIn) Validate() error {
	if in.UpTo < 2 || in.UpTo > 10_000_000 {
		return streamer.Invalid("up_to", "%d is not 2 to 10,000,000", in.UpTo)
	}
	return nil
}
