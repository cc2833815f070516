package integ_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/remote"
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

// What the work of an async request is given, and what comes of it, is what was written to the
// last digit, wherever it is kept meanwhile: in the row, beside it, or as a document.
func TestNumbersOfAsyncRequestsAreUnaltered(t *testing.T) {
	t.Parallel()
	local(t, "a role for the process outside that hands its payload back")
	const numbers = `{"big":123456789012345678901234567890,"precise":9007199254740993,"huge":1e400,"tiny":-0.10e-400,"zeros":1.1000,"minus":-0}`
	for name, fill := range map[string]int{"in the row": 0, "beside it": 1_000, "in the bucket": 25_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work := fmt.Sprintf(`{"fill":%q,"numbers":%s}`, strings.Repeat("x", fill), numbers)
			j := handOver(t, fresh(), patience, json.RawMessage(work))
			var given string
			err := remote.RunAny(t.Context(), remote.Config{AWS: asRole(t, remoteRole)}, j.ticket,
				func(_ context.Context, req *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage]) error {
					var in handlers.HandOverIn
					if err := json.Unmarshal(req.Payload, &in); err != nil {
						return err
					}
					given = string(in.Work)
					return r.Complete(in.Work)
				})
			if err != nil || given != work {
				t.Fatalf("the work is given %.300s, err %v", given, err)
			}
			f := as[protocol.Complete](t, j.c.end(t, j.key.ID))
			got := as[protocol.Request](t, j.c.about(t, protocol.ActionGet, j.key.ID))
			for _, result := range []struct {
				inline json.RawMessage
				ref    *protocol.Ref
			}{{f.Result, f.ResultRef}, {got.Result, got.ResultRef}} {
				text := string(result.inline)
				if result.ref != nil {
					text = string(download(t, result.ref.URL))
				}
				if text != work || (result.ref != nil) != (fill > protocol.MaxInline) {
					t.Errorf("the result is %.300s, apart %t", text, result.ref != nil)
				}
			}
		})
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
