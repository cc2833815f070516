package serve

import (
	"encoding/json"
	"testing"
)

// FuzzClocks: clocks are refused, or they are in the order on which the engine relies.
func FuzzClocks(f *testing.F) {
	for _, text := range []string{
		``, `{}`, `{"lease":3000,"visibility":6000,"pulse":200,"pulse_idle":1000,"progress":50}`, `{"lease":null}`, `{"lease":3000}}`, `{}]`, `{"lease":9223372036854775807}`, `null`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := clocks(text)
		if err != nil {
			return
		}
		if text != "" && !json.Valid([]byte(text)) {
			t.Fatalf("%q is taken", text)
		}
		if c.Interval <= 0 || c.Pulse <= 0 || c.PulseIdle < c.Pulse || c.Lease <= c.PulseIdle || c.Visibility <= c.Lease || c.Visibility > maxClock {
			t.Errorf("%q gives %+v", text, c)
		}
	})
}
