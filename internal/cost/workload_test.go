package cost

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
	w := Workload{Duration: 4 * time.Second, Frames: 2, Watchers: 2, Payload: 100, Result: 100, MemoryMB: 1024, Queues: 1, Rate: 21}
	quantities := map[Unit]float64{}
	for _, l := range w.Request().lines {
		quantities[l.unit] += l.quantity
	}
	for p, want := range map[Unit]float64{
		APIMessage:     1 + 1 + 2*2 + 2,  // message, accepted, progress, terminal
		lambdaRequest:  3,                // router, dispatcher, processor
		lambdaGBSecond: 4 + 2*0.010*0.25, // the handler's time, and two quick runs
		DynamoWrite:    4 + 2 + 2 + 3,    // accept, claim, pulses after 2 and 4 s, outcome
		DynamoRead:     0,                // the payload stands in the row
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

// A request that is handed over has no function that works, but two more runs, a hint more,
// and writes of its own.
func TestHandedOver(t *testing.T) {
	quantities := func(w Workload) map[Unit]float64 {
		all := map[Unit]float64{}
		for _, l := range w.Request().lines {
			all[l.unit] += l.quantity
		}
		return all
	}
	w := Workload{Duration: time.Hour, Frames: 2, Watchers: 2, Payload: 100, Result: 100, MemoryMB: 1024, Queues: 1, Rate: 1}
	whole := quantities(w)
	w.Handed = true
	handed := quantities(w)
	for p, want := range map[Unit]float64{
		APIMessage:     0,
		lambdaRequest:  2,
		lambdaGBSecond: -3600 + 2*0.010*1 + 0.010*0.25,
		DynamoWrite:    1 + 1 + 1 + 1,
		DynamoRead:     1,
		sqsRequest:     1 + 2 + 1 - 120, // no renewals in an hour
		logGB:          2 * 800 / 1e9,
		trace:          2,
		outGB:          0,
	} {
		if got := handed[p] - whole[p]; math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %v more, want %v", p.name, got, want)
		}
	}
}

// What is traced besides is one trace a message; a limit is an entry in a ledger, and a look
// at each twenty of them.
func TestTracesAndLimits(t *testing.T) {
	plain := Workload{Duration: time.Second, Frames: 2, Watchers: 1, Payload: 100, Result: 100, MemoryMB: 1024, Queues: 1, Rate: 21}
	traced, limited := plain, plain
	traced.Traces, limited.Ledgers = 10, 2
	for what, bill := range map[string]func(Workload) Bill{"request": Workload.Request, "sync request": Workload.SyncRequest} {
		if more, want := bill(traced).Quantity(trace)-bill(plain).Quantity(trace), 0.1*(1-2.0/21); math.Abs(more-want) > 1e-9 {
			t.Errorf("%s: %v traces more, want %v", what, more, want)
		}
	}
	for what, bill := range map[string]func(Workload) Bill{"request": Workload.Request, "connect": Workload.Connect} {
		writes, reads := bill(limited).Quantity(DynamoWrite)-bill(plain).Quantity(DynamoWrite), bill(limited).Quantity(DynamoRead)-bill(plain).Quantity(DynamoRead)
		if math.Abs(writes-2*(1+3.0/20)) > 1e-9 || reads != 2 {
			t.Errorf("%s: limits add %v writes and %v reads", what, writes, reads)
		}
	}
	if plain.TableWrites()[""]+limited.entries() != limited.TableWrites()[""] {
		t.Errorf("the table gets %v", limited.TableWrites())
	}
}

func TestLargeRequests(t *testing.T) {
	for _, c := range []struct {
		payload, result int
		p               Unit
		want            float64
	}{
		{1500, 100, DynamoWrite, 4 + 2 + 2 + 0 + 3}, // two units for the payload's own item
		{1500, 100, DynamoRead, 1},
		{100, 3000, DynamoWrite, 4 + 2 + 0 + 3 + 3}, // the row has 3.7 KB at its end
		{100, 30_000, s3Put, 2},
		{30_000, 100, s3Get, 1},
		{100, 30_000, s3GBMonth, 30_100 / 1e9 * 30 * 24 / 730},
		{30_000, 100, dynamoGBMonth, 1500 / 1e9 * 7 * 24 / 730},
		{40_000, 100, APIMessage, 2 + 1 + 1}, // two steps of 32 KB
	} {
		w := Workload{Duration: time.Second, Watchers: 1, Payload: c.payload, Result: c.result, MemoryMB: 128, Queues: 1, Rate: 1}
		got := 0.0
		for _, l := range w.Request().lines {
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
	b := Bill{lines: []line{{sqsRequest, "hint", 2}, {APIMessage, "", 0.1 + 0.2}}}.Times("a million", 1e6)
	var out bytes.Buffer
	b.Print(&out)
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
	quantities := func(b Bill) map[Unit]float64 {
		all := map[Unit]float64{}
		for _, l := range b.lines {
			all[l.unit] += l.quantity
		}
		return all
	}
	one, more := quantities(Workload{Queues: 1}.Idle()), quantities(Workload{Queues: 3, Key: true}.Idle())
	for p, want := range map[Unit][2]float64{
		sqsRequest: {15 * 60 * 730, 3 * 15 * 60 * 730}, alarm: {8, 10}, dashboard: {2, 2}, metric: {2, 2},
		lambdaRequest: {8760, 8760}, trace: {8760, 8760}, key: {0, 1}, keyRequest: {0, 0},
	} {
		if one[p] != want[0] || more[p] != want[1] {
			t.Errorf("%s: %v, with two workers and a key %v, want %v", p.name, one[p], more[p], want)
		}
	}
	one, more = quantities(Workload{Queues: 1, Actions: 1}.Use()), quantities(Workload{Queues: 3, Actions: 2, Key: true}.Use())
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

const million = 1e6

func TestTraced(t *testing.T) {
	for rate, want := range map[float64]float64{0.01: 1, 1: 1, 2: 0.525, 1000: 0.05095} {
		if got := (Workload{Rate: rate}).traced(); math.Abs(got-want) > 1e-9 {
			t.Errorf("at %v a second %v, want %v", rate, got, want)
		}
	}
}

func TestOperationsAreCounted(t *testing.T) {
	for _, name := range []string{"connect", "disconnect", "echo", "ping", "async", "async, payload beside the row", "async, payload and result in S3", "async, handed over"} {
		if Calls[name] == nil {
			t.Errorf("calls.json lacks %q", name)
		}
	}
}
