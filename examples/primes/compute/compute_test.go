package compute

import (
	"context"
	"reflect"
	"testing"

	"example.com/primes/primes"
	"github.com/pay-theory/streamer"
)

// outcome keeps what a handler completes with.
type outcome[Out any] struct {
	streamer.Reporter[Out]
	got Out
}

func (o *outcome[Out]) Report(float64, string) {}

func (o *outcome[Out]) Complete(got Out) error {
	o.got = got
	return nil
}

func TestCount(t *testing.T) {
	for upTo, want := range map[int]primes.CountOut{2: {Primes: 1, Largest: 2}, 10: {Primes: 4, Largest: 7}, 10_000: {Primes: 1229, Largest: 9973}} {
		var o outcome[primes.CountOut]
		if err := Count(t.Context(), &streamer.Request[primes.CountIn]{Payload: primes.CountIn{UpTo: upTo}}, &o); err != nil || o.got != want {
			t.Errorf("up to %d: got %+v, %v", upTo, o.got, err)
		}
	}
}

func TestFactor(t *testing.T) {
	for number, want := range map[int64]primes.FactorOut{
		2:             {Factors: []int64{2}, Text: "2 = 2"},
		1001:          {Factors: []int64{7, 11, 13}, Text: "1,001 = 7 × 11 × 13"},
		1_000_000_007: {Factors: []int64{1_000_000_007}, Text: "1,000,000,007 = 1,000,000,007"},
		36:            {Factors: []int64{2, 2, 3, 3}, Text: "36 = 2 × 2 × 3 × 3"},
	} {
		var o outcome[primes.FactorOut]
		if err := Factor(t.Context(), &streamer.Request[primes.FactorIn]{Payload: primes.FactorIn{Number: number}}, &o); err != nil || !reflect.DeepEqual(o.got, want) {
			t.Errorf("%d: got %+v, %v", number, o.got, err)
		}
	}
}

func TestHandlersStopWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(streamer.ErrCancelled)
	if err := Count(ctx, &streamer.Request[primes.CountIn]{Payload: primes.CountIn{UpTo: 10}}, &outcome[primes.CountOut]{}); err != streamer.ErrCancelled {
		t.Errorf("Count: %v", err)
	}
	if err := Factor(ctx, &streamer.Request[primes.FactorIn]{Payload: primes.FactorIn{Number: 999_999_999_989}}, &outcome[primes.FactorOut]{}); err != streamer.ErrCancelled {
		t.Errorf("Factor: %v", err)
	}
}
