package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

// The bill of a request that nobody needs to look up: 4 s, 2 frames, 2 watchers, 1 GB.
func TestRequest(t *testing.T) {
	w := workload{duration: 4 * time.Second, frames: 2, watchers: 2, payload: 100, result: 100, memoryMB: 1024, queues: 1, rate: 21}
	quantities := map[price]float64{}
	for _, l := range w.request().lines {
		quantities[l.price] += l.quantity
	}
	for p, want := range map[price]float64{
		apiMessage:     1 + 1 + 2*2 + 2,  // message, accepted, progress, terminal
		lambdaRequest:  3,                // router, dispatcher, processor
		lambdaGBSecond: 4 + 2*0.010*0.25, // the handler's time, and two quick runs
		dynamoWrite:    4 + 2 + 2 + 3,    // accept, claim, pulses after 2 and 4 s, outcome
		dynamoRead:     0,                // the payload stands in the row
		sqsRequest:     1 + 2 + 1,        // send, receive and delete, hold
		s3Put:          0,
		logGB:          3 * 800 / 1e9,
		logMonth:       3 * 800 / 1e9,
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
		p               price
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
			if l.price == c.p {
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
	quantities := func(b bill) map[price]float64 {
		all := map[price]float64{}
		for _, l := range b.lines {
			all[l.price] += l.quantity
		}
		return all
	}
	one, more := quantities(workload{queues: 1}.idle()), quantities(workload{queues: 3, key: true}.idle())
	for p, want := range map[price][2]float64{
		sqsRequest: {15 * 60 * 730, 3 * 15 * 60 * 730}, alarm: {8, 10}, dashboard: {1, 1}, metric: {1, 1},
		lambdaRequest: {8760, 8760}, trace: {8760, 8760}, kmsKey: {0, 1}, kmsRequest: {0, 0},
	} {
		if one[p] != want[0] || more[p] != want[1] {
			t.Errorf("%s: %v, with two workers and a key %v, want %v", p.name, one[p], more[p], want)
		}
	}
	one, more = quantities(workload{queues: 1}.use()), quantities(workload{queues: 3, key: true}.use())
	if one[metric] != 39 || one[kmsRequest] != 0 || more[kmsRequest] != (11+2*6)*8760 {
		t.Errorf("in use: %v, with two workers and a key %v", one, more)
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
	w := workload{duration: 10 * time.Second, frames: 20, watchers: 1, payload: 150, result: 300, memoryMB: 1024, queues: 1, rate: 10}
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
