package integ_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

func TestEchoIsUnaltered(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for i, payload := range []string{
		`{"b":1,"a":2}`,
		`{"big":123456789012345678901234567890,"precise":9007199254740993,"huge":1e400,"tiny":-0.10e-400,"zeros":1.1000}`,
		`[9007199254740993,-9223372036854775809,18446744073709551616]`,
		strings.Repeat(`{"a":[`, 14) + `{"deep":true}` + strings.Repeat(`]}`, 14),
		`{"Zürich":"日本語 😀","rtl":"שלום","combining":"é","separators":"\u2028\u2029"}`,
		`"` + "\u2028\u2029\u00a0\ufeff" + `"`,
		`{"escapes":"\u00e9\ud83d\ude00\u0000\n\t\"\\\/","html":"<script>&amp;</script>"}`,
		`""`, `"text"`, `0`, `-0`, `false`, `[]`, `{}`, `{"":""}`,
		`{"type":"complete","request_id":"x","id":"y"}`,
	} {
		id := fmt.Sprintf("echo %d – é", i)
		c.write(t, websocket.MessageText, fmt.Appendf(nil, `{"action":"echo","id":%q,"payload":%s}`, id, payload))
		f := c.wait(t, "the echo of "+payload, func(f frame) bool { return f.ID == id })
		r := as[protocol.Response](t, f)
		// As it stands in the frame, byte for byte.
		if string(r.Result) != payload {
			t.Errorf("%s came back as %s", payload, r.Result)
		}
		if r.RequestID == "" || r.TS == 0 {
			t.Errorf("request_id or ts is missing: %s", f.raw)
		}
	}
}

func TestEchoOfNothingIsNull(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for _, payload := range []string{``, `null`} {
		r := as[protocol.Response](t, c.ask(t, protocol.Message{Action: "echo", Payload: json.RawMessage(payload)}))
		if string(r.Result) != "null" {
			t.Errorf("%q came back as %s", payload, r.Result)
		}
	}
}

func TestMessageWithoutIDIsAnsweredWithoutOne(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	c.write(t, websocket.MessageText, []byte(`{"action":"echo","payload":"no id"}`))
	f := c.wait(t, "the echo", func(f frame) bool { return f.Type() == protocol.TypeResponse })
	if strings.Contains(string(f.raw), `"id"`) {
		t.Errorf("got %s", f.raw)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	f := c.ask(t, protocol.Message{Action: protocol.ActionPing, ID: "p"})
	if as[protocol.Pong](t, f).TS == 0 {
		t.Errorf("got %s", f.raw)
	}
}
