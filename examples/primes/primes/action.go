// Package primes declares the actions of the app, once for the router, the processors, the
// stack and clients in Go. Package compute has their handlers.
package primes

import "github.com/pay-theory/streamer"

// Count counts the primes up to a number.
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

// Factor finds the prime factors of a number.
var Factor = streamer.Action[FactorIn, FactorOut]{Name: "factor_number", Async: true}

// FactorIn asks for the factors of a number.
type FactorIn struct {
	Number int64 `json:"number"` // 2 to 1,000,000,000,000,000
}

// FactorOut is what they are.
type FactorOut struct {
	Factors []int64 `json:"factors"` // in order
	Text    string  `json:"text"`    // "1,001 = 7 × 11 × 13"
}

// Validate refuses what would take too long, or has no answer.
func (in FactorIn) Validate() error {
	if in.Number < 2 || in.Number > 1_000_000_000_000_000 {
		return streamer.Invalid("number", "%d is not 2 to 1,000,000,000,000,000", in.Number)
	}
	return nil
}
