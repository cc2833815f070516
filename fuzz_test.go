package streamer_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/protocol"
)

type address struct {
	Street string            `json:"street"`
	Tags   map[string]string `json:"tags,omitempty"`
}

type parcel struct {
	address
	Name   string          `json:"name"`
	Weight float64         `json:"weight"`
	Count  *int64          `json:"count,omitempty"`
	Via    []address       `json:"via,omitempty"`
	Raw    json.RawMessage `json:"raw,omitempty"`
	Any    any             `json:"any,omitempty"`
}

// FuzzPayload: a payload is refused as INVALID_PAYLOAD in a few words, or it is read, and
// what was read is read again as the same.
func FuzzPayload(f *testing.F) {
	action := streamer.Action[parcel, struct{}]{Name: "send"}
	for _, seed := range []string{
		`{"street":"s","name":"n","weight":1e-3,"count":9007199254740993,"via":[{"tags":{"a":"b"}}],"raw":[1.10],"any":{"x":[null]}}`,
		`{"via":[{"street":"a"},{"streat":"b"}]}`, `{"address":{"street":"x"}}`, `{"STREET":1}`, `{"count":1.5}`, `[]`, `null`, `{"weight":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if _, err := protocol.DecodePayload(payload); err != nil {
			return // the router has refused it
		}
		if err := action.Check(payload); err != nil {
			refused, ok := streamer.AsError(err)
			if !ok || refused.Code != protocol.InvalidPayload || len(refused.Message) > protocol.MaxErrorMessage {
				t.Fatalf("%q is refused with %T: %v", payload, err, err)
			}
			return
		}
		var in parcel
		if len(payload) == 0 || json.Unmarshal(payload, &in) != nil {
			return
		}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", in, err)
		}
		if err := action.Check(text); err != nil {
			t.Fatalf("%q becomes %s, which is refused: %v", payload, text, err)
		}
		var again parcel
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(text, twice) {
			t.Fatalf("%q is read as %s, and that as %s, %v", payload, text, twice, err)
		}
	})
}
