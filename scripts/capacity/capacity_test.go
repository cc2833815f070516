package main

import (
	"bytes"
	"math"
	"os"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/cost"
)

func TestPage(t *testing.T) {
	var computed bytes.Buffer
	if err := run(size{100_000, 1_000, 0.1}, &computed); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile("../../CAPACITY.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, computed.Bytes()) {
		t.Error("CAPACITY.md is not what this program computes: make capacity")
	}
	for _, s := range []size{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}, {1, 1, 1.1}} {
		if err := run(s, &computed); err == nil {
			t.Errorf("%+v has a page", s)
		}
	}
}

// Needs that nobody has to look up: requests of 2 s with 3 frames to 2 connections.
func TestLimits(t *testing.T) {
	sh := shape{"", cost.Workload{Duration: 2 * time.Second, Frames: 3, Watchers: 2}, false}
	s := size{7200, 10, 0.5} // one connect a second, 30 pings
	got := map[float64]float64{}
	for _, l := range sh.limits(s) {
		got[l.has] = max(got[l.has], l.need.of(s)) // the largest of those that have as much
		rate, byRate := l.breaksAt(s)
		if at := (size{s.connections, rate, s.share}); byRate && math.Abs(l.used(at)-1) > 1e-9 {
			t.Errorf("%s: at %v requests a second %v of it is used", l.what, rate, l.used(at))
		}
	}
	for has, want := range map[float64]float64{
		accountMessages:                 10*(1+(3+1)*2) + 31, // messages, frames to both, the end to both; pings, a connect
		accountConnects:                 1,
		inFlight:                        20,
		contract.DefaultMaxConcurrency:  20,
		tableWrites:                     10 * 4,                     // accept, claim, a pulse, outcome
		newTableWrites:                  10*4 + (10+1)*2*(1+3.0/20), // an entry in two ledgers, and for each 20 one is made room in
		contract.OpenShards * keyWrites: 10 * 2,                     // in and out
	} {
		if math.Abs(got[has]-want) > 1e-9 {
			t.Errorf("of what has %v, %v is needed, want %v", has, got[has], want)
		}
	}
	one := shape{"", cost.Workload{Watchers: 1}, true}.limits(size{1, 995, 1})[0]
	if one.has != contract.DefaultMessagesPerSecond {
		t.Errorf("of sync requests alone %s breaks first", one.what)
	}
}

func TestRamp(t *testing.T) {
	// 305 runs are wanted, 5 are there and 5 more come each second: a minute, in which the
	// room that lacks for a second is 300 to 0, and each request takes 2 s.
	minutes, waiting := ramp(305.0/2, 2, 300, 1)
	if minutes != 1 || waiting != 300*60/2/2 {
		t.Errorf("%v minutes, %v wait", minutes, waiting)
	}
	if minutes, waiting := ramp(1, 2, 300, 1); minutes != 0 || waiting != 0 {
		t.Errorf("what there is room for waits: %v minutes, %v", minutes, waiting)
	}
}

func TestNumber(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 13.888: "13.89", 100.4: "100", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := number(n); got != want {
			t.Errorf("%v is written %s, want %s", n, got, want)
		}
	}
}
