package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

var progress = protocol.Progress{
	Event:      protocol.Event{RequestID: "01JGH00000000000000000000A", Ref: "m-1", Seq: 1_000_017, TS: 1_768_857_208_012},
	Percentage: 42.5, Message: "Rendering page 17 of 120", Attempt: 1,
}

func BenchmarkEncode(b *testing.B) {
	for name, f := range map[string]protocol.Frame{
		"progress": progress,
		"complete": protocol.Complete{Event: progress.Event, Attempt: 1, Result: json.RawMessage(`{"url":"https://example.com/report.pdf?a=1&b=2","size":48213,"pages":12}`)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := protocol.Encode(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecodeFrame(b *testing.B) {
	raw, err := protocol.Encode(progress)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeFrame(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeMessage(b *testing.B) {
	raw := []byte(`{"action":"generate_report","id":"m-1","idempotency_key":"2024-01","payload":{"start_date":"2024-01-01","end_date":"2024-01-31","format":"pdf"}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := protocol.DecodeMessage(raw); err != nil {
			b.Fatal(err)
		}
	}
}
