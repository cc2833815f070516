package dispatcher_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/pay-theory/streamer/internal/lifecycle"
)

// FuzzStreamEvent: every record of a stream event becomes a hint for a canonical key, or
// is counted as bad; none holds up the others.
func FuzzStreamEvent(f *testing.F) {
	golden, err := os.ReadFile("testdata/stream.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	for _, record := range []string{
		`{}`, `null`, `{"dynamodb":{"Keys":{"pk":{"N":"1"}}}}`, `{"dynamodb":{"Keys":{"pk":{"S":"T#a#R#01JGH00000000000000000000A"}},"NewImage":{"trace":{"NULL":true}}}}`,
		`{"dynamodb":{"Keys":{"pk":{}}}}`, `{"dynamodb":{"Keys":{"pk":{"S":"T#a#R#01JGH00000000000000000000A","N":"1"}}}}`,
	} {
		f.Add([]byte(`{"Records":[` + record + `,{"dynamodb":{"Keys":{"pk":{"S":"T#acme#R#01JGH00000000000000000000A"}}}}]}`))
	}
	f.Fuzz(func(t *testing.T, event []byte) {
		if !json.Valid(event) {
			return // Lambda hands over JSON
		}
		s := &sender{}
		bad, _, err := dispatch(t, event, s)
		if err != nil {
			return // no event of a stream at all
		}
		var seen struct{ Records []json.RawMessage }
		if err := json.Unmarshal(event, &seen); err != nil {
			t.Fatalf("%q is taken: %v", event, err)
		}
		if len(s.sent)+bad != len(seen.Records) {
			t.Errorf("%d records became %d hints, and %d are bad", len(seen.Records), len(s.sent), bad)
		}
		for _, hint := range s.sent {
			if !lifecycle.ValidID(hint.Key.ID) || hint.Key.Tenant == "" {
				t.Errorf("a hint for %+v", hint.Key)
			}
		}
	})
}
