package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/contract"
)

// The bill of a request that nobody needs to look up: 4 s, 2 frames, 2 watchers, 1 GB.
func TestRequest(t *testing.T) {
	w := workload{duration: 4 * time.Second, frames: 2, watchers: 2, payload: 100, result: 100, memoryMB: 1024, queues: 1, rate: 21}
	quantities := map[unit]float64{}
	for _, l := range w.request().lines {
		quantities[l.unit] += l.quantity
	}
	for p, want := range map[unit]float64{
		apiMessage:     1 + 1 + 2*2 + 2,  // message, accepted, progress, terminal
		lambdaRequest:  3,                // router, dispatcher, processor
		lambdaGBSecond: 4 + 2*0.010*0.25, // the handler's time, and two quick runs
		dynamoWrite:    4 + 2 + 2 + 3,    // accept, claim, pulses after 2 and 4 s, outcome
		dynamoRead:     0,                // the payload stands in the row
		sqsRequest:     1 + 2 + 1,        // send, receive and delete, hold
		s3Put:          0,
		logGB:          3 * 800 / 1e9,
		logGBMonth:     3 * 800 / 1e9,
		trace:          3 * (1 + 20*0.05) / 21,            // of 21 a second the first, and one of the others
		dynamoGBMonth:  (1500 + 100) / 1e9 * 7 * 24 / 730, // a week of a month
		s3GBMonth:      0,
		outGB:          (250*(1+2*2+2) + 2*100) / 1e9, // accepted, progress, terminal, and two results
	} {
		if math.Abs(quantities[p]-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", p.name, quantities[p], want)
		}
	}
}

func TestLargeRequests(t *testing.T) {
	for _, c := range []struct {
		payload, result int
		p               unit
		want            float64
	}{
		{1500, 100, dynamoWrite, 4 + 2 + 2 + 0 + 3}, // two units for the payload's own item
		{1500, 100, dynamoRead, 1},
		{100, 3000, dynamoWrite, 4 + 2 + 0 + 3 + 3}, // the row has 3.7 KB at its end
		{100, 30_000, s3Put, 2},
		{30_000, 100, s3Get, 1},
		{100, 30_000, s3GBMonth, 30_100 / 1e9 * 30 * 24 / 730},
		{30_000, 100, dynamoGBMonth, 1500 / 1e9 * 7 * 24 / 730},
		{40_000, 100, apiMessage, 2 + 1 + 1}, // two steps of 32 KB
	} {
		w := workload{duration: time.Second, watchers: 1, payload: c.payload, result: c.result, memoryMB: 128, queues: 1, rate: 1}
		got := 0.0
		for _, l := range w.request().lines {
			if l.unit == c.p {
				got += l.quantity
			}
		}
		if math.Abs(got-c.want) > 1e-9 {
			t.Errorf("payload %d, result %d: %v %s, want %v", c.payload, c.result, got, c.p.name, c.want)
		}
	}
}

func TestBillIsPrinted(t *testing.T) {
	b := bill{lines: []line{{sqsRequest, "hint", 2}, {apiMessage, "", 0.1 + 0.2}}}.times("a million", million)
	var out bytes.Buffer
	b.print(&out)
	want := "\na million" + strings.Repeat(" ", 63) + "       1.1000\n" +
		"      0.8000  SQS request                   2000000 × $0.0000004     hint\n" +
		"      0.3000  API Gateway message            300000 × $0.000001\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// What stands costs as much as there is of it: a worker has a queue that is polled and an
// alarm, and a key has a price.
func TestIdle(t *testing.T) {
	quantities := func(b bill) map[unit]float64 {
		all := map[unit]float64{}
		for _, l := range b.lines {
			all[l.unit] += l.quantity
		}
		return all
	}
	one, more := quantities(workload{queues: 1}.idle()), quantities(workload{queues: 3, key: true}.idle())
	for p, want := range map[unit][2]float64{
		sqsRequest: {15 * 60 * 730, 3 * 15 * 60 * 730}, alarm: {8, 10}, dashboard: {2, 2}, metric: {2, 2},
		lambdaRequest: {8760, 8760}, trace: {8760, 8760}, key: {0, 1}, keyRequest: {0, 0},
	} {
		if one[p] != want[0] || more[p] != want[1] {
			t.Errorf("%s: %v, with two workers and a key %v, want %v", p.name, one[p], more[p], want)
		}
	}
	one, more = quantities(workload{queues: 1, actions: 1}.use()), quantities(workload{queues: 3, actions: 2, key: true}.use())
	byAction := 0
	for _, m := range contract.Metrics {
		if m.By.Action {
			byAction++
		}
	}
	if more[metric]-one[metric] != float64(byAction) || one[metric] < float64(len(contract.Metrics)-2+byAction) || one[keyRequest] != 0 || more[keyRequest] != (11+2*6)*8760 {
		t.Errorf("in use: %v, with two workers, another action and a key %v", one, more)
	}
}

func TestTraced(t *testing.T) {
	for rate, want := range map[float64]float64{0.01: 1, 1: 1, 2: 0.525, 1000: 0.05095} {
		if got := (workload{rate: rate}).traced(); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v a second %v, want %v", rate, got, want)
		}
	}
}

func TestRun(t *testing.T) {
	w := workload{duration: 10 * time.Second, frames: 20, watchers: 1, payload: 150, result: 300, memoryMB: 1024, queues: 1, actions: 3, rate: 10}
	var out bytes.Buffer
	if err := run(w, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,000,000 requests ", "1,000 connections for an hour", "a month in which nothing happens", "a month in which something happens, beside", "Assumed:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the bill lacks %q", want)
		}
	}
	w.memoryMB = 0
	if err := run(w, &out); err == nil {
		t.Error("a processor without memory has a bill")
	}
}

func TestOperationsAreCounted(t *testing.T) {
	for _, name := range []string{"connect", "disconnect", "echo", "ping", "async", "async, payload beside the row", "async, payload and result in S3"} {
		if calls[name] == nil {
			t.Errorf("calls.json lacks %q", name)
		}
	}
}
