package compute

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"example.com/primes/primes"
	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/streamertest"
)

func TestCount(t *testing.T) {
	for upTo, want := range map[int]primes.CountOut{2: {Primes: 1, Largest: 2}, 10: {Primes: 4, Largest: 7}, 10_000: {Primes: 1229, Largest: 9973}} {
		r := streamertest.Request[primes.CountIn, primes.CountOut]{Action: primes.Count, Handler: Count, Payload: primes.CountIn{UpTo: upTo}}
		if err := r.Run(t.Context()); err != nil || r.Result != want {
			t.Errorf("up to %d: got %+v, %v", upTo, r.Result, err)
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
		r := streamertest.Request[primes.FactorIn, primes.FactorOut]{Action: primes.Factor, Handler: Factor, Payload: primes.FactorIn{Number: number}}
		if err := r.Run(t.Context()); err != nil || !reflect.DeepEqual(r.Result, want) {
			t.Errorf("%d: got %+v, %v", number, r.Result, err)
		}
	}
}

func TestHandlersStopWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(streamer.ErrCancelled)
	count := streamertest.Request[primes.CountIn, primes.CountOut]{Action: primes.Count, Handler: Count, Payload: primes.CountIn{UpTo: 10}}
	if err := count.Run(ctx); !errors.Is(err, streamer.ErrCancelled) {
		t.Errorf("Count: %v", err)
	}
	factor := streamertest.Request[primes.FactorIn, primes.FactorOut]{Action: primes.Factor, Handler: Factor, Payload: primes.FactorIn{Number: 999_999_999_989}}
	if err := factor.Run(ctx); !errors.Is(err, streamer.ErrCancelled) {
		t.Errorf("Factor: %v", err)
	}
}
