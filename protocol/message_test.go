package protocol_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// sized is a good message of n bytes.
func sized(n int) string {
	const frame = `{"action":"echo","payload":""}`
	return frame[:len(frame)-2] + strings.Repeat("x", n-len(frame)) + `"}`
}

func TestDecodeMessageTakes(t *testing.T) {
	for _, c := range []struct {
		in   string
		want protocol.Message
	}{
		{`{"action":"generate_report","payload":{"start_date":"2024-01-01","end_date":"2024-01-31"}}`,
			protocol.Message{Action: "generate_report", Payload: json.RawMessage(`{"start_date":"2024-01-01","end_date":"2024-01-31"}`)}},
		{`{"action":"echo"}`, protocol.Message{Action: "echo"}},
		{" {\t\"action\" :\n\"echo\"\r} \n", protocol.Message{Action: "echo"}},
		{`{"action":"echo","payload":null,"id":null,"deadline_ms":null}`, protocol.Message{Action: "echo"}},
		{`{"action":"echo","payload":[1.10, 1e400 ,"<\u00e9>"]}`, protocol.Message{Action: "echo", Payload: json.RawMessage(`[1.10, 1e400 ,"<\u00e9>"]`)}},
		{`{"action":"echo","payload":""}`, protocol.Message{Action: "echo", Payload: json.RawMessage(`""`)}},
		{`{"action":"echo","payload":false}`, protocol.Message{Action: "echo", Payload: json.RawMessage(`false`)}},
		{`{"action":"echo","payload":{"ACTION":1,"action":2,"a":{"a":3},"b":[{"a":1},{"a":2}]}}`,
			protocol.Message{Action: "echo", Payload: json.RawMessage(`{"ACTION":1,"action":2,"a":{"a":3},"b":[{"a":1},{"a":2}]}`)}},
		{`{"action":"echo","payload":` + nested(31) + `}`, protocol.Message{Action: "echo", Payload: json.RawMessage(nested(31))}},
		{`{"action":"` + strings.Repeat("a", 64) + `"}`, protocol.Message{Action: strings.Repeat("a", 64)}},
		{`{"action":"a-b_c.9"}`, protocol.Message{Action: "a-b_c.9"}},
		{`{"action":"streamer.subscribe","request_id":"R"}`, protocol.Message{Action: protocol.ActionSubscribe, RequestID: "R"}},
		{`{"action":"streamer.get","payload":{"request_id":"R"}}`, protocol.Message{Action: protocol.ActionGet, Payload: json.RawMessage(`{"request_id":"R"}`)}},
		{`{"action":"echo","id":"` + strings.Repeat("é", 64) + `"}`, protocol.Message{Action: "echo", ID: strings.Repeat("é", 64)}},
		{`{"action":"echo","id":"\u0000\n"}`, protocol.Message{Action: "echo", ID: "\x00\n"}},
		{`{"action":"echo","idempotency_key":"` + strings.Repeat("~", 128) + `"}`, protocol.Message{Action: "echo", IdempotencyKey: strings.Repeat("~", 128)}},
		{`{"action":"echo","idempotency_key":"a b"}`, protocol.Message{Action: "echo", IdempotencyKey: "a b"}},
		{`{"action":"echo","deadline_ms":1000}`, protocol.Message{Action: "echo", DeadlineMS: 1000}},
		{`{"action":"echo","deadline_ms":1123200000}`, protocol.Message{Action: "echo", DeadlineMS: 1123200000}},
		{`{"\u0061ction":"echo"}`, protocol.Message{Action: "echo"}},
		{`{"action":"echo","payload_ref":"R"}`, protocol.Message{Action: "echo", PayloadRef: "R"}},
		{`{"action":"echo","payload_ref":"R","payload":null}`, protocol.Message{Action: "echo", PayloadRef: "R"}},
	} {
		got, err := protocol.DecodeMessage([]byte(c.in))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n got %+v, err %v\nwant %+v", c.in, got, err, c.want)
		}
	}
	if _, err := protocol.DecodeMessage([]byte(sized(protocol.MaxMessage))); err != nil {
		t.Errorf("a message of MaxMessage bytes: %v", err)
	}
}

// The golden messages are read as what their names say, and written as they were.
func TestGoldenMessages(t *testing.T) {
	files, err := filepath.Glob("testdata/messages/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		golden = bytes.TrimSuffix(golden, []byte("\n"))
		m, err := protocol.DecodeMessage(golden)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if own, is := strings.CutPrefix(m.Action, protocol.ReservedPrefix); is != !strings.HasPrefix(name, "submit") || is && own != name {
			t.Errorf("%s: its action is %s", file, m.Action)
		}
		if again, err := json.Marshal(m); err != nil || !bytes.Equal(again, golden) {
			t.Errorf("%s (err %v)\n got %s\nwant %s", file, err, again, golden)
		}
	}
}

func TestDecodeMessageRefuses(t *testing.T) {
	for _, c := range []struct{ in, field, problem string }{
		{``, "", "the message is not JSON: it ends too early"},
		{" \n", "", "the message is not JSON: it ends too early"},
		{`hello`, "", "the message is not JSON: invalid character 'h'"},
		{"\xef\xbb\xbf" + `{"action":"echo"}`, "", "the message is not JSON: invalid character"},
		{`{"action":"ech` + "\xff" + `o"}`, "", "the message is not valid UTF-8"},
		{`{"action":"ech` + "\xed\xa0\x80" + `o"}`, "", "the message is not valid UTF-8"},
		{`null`, "", "the message is not a JSON object"},
		{`[]`, "", "the message is not a JSON object"},
		{`[{"action":"echo"}]`, "", "the message is not a JSON object"},
		{`"echo"`, "", "the message is not a JSON object"},
		{`5`, "", "the message is not a JSON object"},
		{`{"action":"echo"`, "", "it ends too early"},
		{`{"action":"echo",}`, "", "the message is not JSON"},
		{`{action:"echo"}`, "", "the message is not JSON"},
		{`{'action':'echo'}`, "", "the message is not JSON"},
		{`{"action":"echo"}{"action":"echo"}`, "", "more than one JSON value"},
		{`{"action":"echo"} 1`, "", "more than one JSON value"},
		{`{"action":"echo"} x`, "", "the message is not JSON"},
		{`{"action":"echo"}]`, "", "the message is not JSON"},
		{`{"action":"ec` + "\n" + `ho"}`, "", "the message is not JSON"},
		{`{"action":"echo","payload":01}`, "", "the message is not JSON"},
		{`{"action":"echo","payload":NaN}`, "", "the message is not JSON"},
		{`{"action":"echo","payload":` + nested(32) + `}`, "", "the message nests deeper than 32"},
		{`{"action":"echo","payload":` + nested(10_000) + `}`, "", "the message nests deeper than 32"},

		{`{}`, "action", `missing: a message looks like {"action":"echo","payload":{}}`},
		{`{"action":null}`, "action", "missing"},
		{`{"action":""}`, "action", "missing"},
		{`{"action":5}`, "action", "a number stands where a string belongs"},
		{`{"action":{"name":"echo"}}`, "action", "an object stands where a string belongs"},
		{`{"action":["echo"]}`, "action", "an array stands where a string belongs"},
		{`{"action":true}`, "action", "a boolean stands where a string belongs"},
		{`{"action":"Echo"}`, "action", "not a name: 1 to 64 of a-z, 0-9, _, - and ., the first a letter"},
		{`{"action":"9lives"}`, "action", "not a name"},
		{`{"action":"echo "}`, "action", "not a name"},
		{`{"action":"echo\n"}`, "action", "not a name"},
		{`{"action":"écho"}`, "action", "not a name"},
		{`{"action":"` + strings.Repeat("a", 65) + `"}`, "action", "not a name"},

		{`{"Action":"echo"}`, "Action", "unknown field: a message may have action, id, payload, idempotency_key, deadline_ms, request_id"},
		{`{"action":"echo","PAYLOAD":{}}`, "PAYLOAD", "unknown field"},
		{`{"action":"echo","data":{}}`, "data", "unknown field"},
		{`{"action":"echo","":1}`, "", "unknown field"},
		{`{"action":"echo","` + strings.Repeat("x", 1000) + `":1}`, strings.Repeat("x", 64) + "…", "unknown field"},
		{`{"action":"echo","action":"echo"}`, "action", "stands twice in one object"},
		{`{"action":"echo","\u0061ction":"echo"}`, "action", "stands twice in one object"},
		{`{"action":"echo","payload":{"a":1,"a":1}}`, "payload.a", "stands twice in one object"},
		{`{"action":"echo","payload":{"b":[0,{"c":{"d":1,"e":2,"d":3}}]}}`, "payload.b.c.d", "stands twice in one object"},

		{`{"action":"echo","id":7}`, "id", "a number stands where a string belongs"},
		{`{"action":"echo","id":"` + strings.Repeat("x", 129) + `"}`, "id", "longer than 128 bytes"},
		{`{"action":"echo","id":"` + strings.Repeat("é", 65) + `"}`, "id", "longer than 128 bytes"},
		{`{"action":"echo","idempotency_key":7}`, "idempotency_key", "a number stands where a string belongs"},
		{`{"action":"echo","idempotency_key":"` + strings.Repeat("x", 129) + `"}`, "idempotency_key", "not 1 to 128 printable ASCII characters"},
		{`{"action":"echo","idempotency_key":"a\tb"}`, "idempotency_key", "not 1 to 128 printable"},
		{`{"action":"echo","idempotency_key":"\u007f"}`, "idempotency_key", "not 1 to 128 printable"},
		{`{"action":"echo","idempotency_key":"clé"}`, "idempotency_key", "not 1 to 128 printable"},
		{`{"action":"echo","deadline_ms":"1000"}`, "deadline_ms", "a string stands where a whole number (int64) belongs"},
		{`{"action":"echo","deadline_ms":1000.5}`, "deadline_ms", "1000.5 stands where a whole number (int64) belongs"},
		{`{"action":"echo","deadline_ms":1e30}`, "deadline_ms", "1e30 stands where a whole number (int64) belongs"},
		{`{"action":"echo","deadline_ms":999}`, "deadline_ms", "not 1000 to 1123200000 milliseconds (1s to 312h0m0s)"},
		{`{"action":"echo","deadline_ms":-1000}`, "deadline_ms", "not 1000 to 1123200000"},
		{`{"action":"echo","deadline_ms":1123200001}`, "deadline_ms", "not 1000 to 1123200000"},
		{`{"action":"echo","payload_ref":5}`, "payload_ref", "a number stands where a string belongs"},
		{`{"action":"echo","payload_ref":"R","payload":{}}`, "payload_ref", "send one of the two"},
		{`{"action":"streamer.upload","payload_ref":"R"}`, "payload_ref", "Streamer's own actions take none"},
		{`{"action":"streamer.get","request_id":5}`, "request_id", "a number stands where a string belongs"},
	} {
		_, err := protocol.DecodeMessage([]byte(c.in))
		refused, ok := errors.AsType[*protocol.RefusedError](err)
		if !ok {
			t.Errorf("%.200s: err is %v", c.in, err)
			continue
		}
		if refused.Code != protocol.BadMessage || refused.Field != c.field || !strings.Contains(refused.Problem, c.problem) {
			t.Errorf("%.200s\n got %s, field %q: %s\nwant field %q: %s", c.in, refused.Code, refused.Field, refused.Problem, c.field, c.problem)
		}
		if len(err.Error()) > 500 {
			t.Errorf("%.200s: the refusal has %d bytes", c.in, len(err.Error()))
		}
	}
}

func TestDecodePayload(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":[1.10,1e400,"<\u00e9>"]}`: `{"a":[1.10,1e400,"<\u00e9>"]}`, " \t[ 1 ]\r\n": "[ 1 ]", `""`: `""`, "0": "0", "false": "false",
		nested(31): nested(31), "null": "", " null ": "", `{"action":1,"x":2}`: `{"action":1,"x":2}`,
		`"` + strings.Repeat("x", protocol.MaxUpload-2) + `"`: `"` + strings.Repeat("x", protocol.MaxUpload-2) + `"`,
	} {
		if got, err := protocol.DecodePayload([]byte(in)); err != nil || string(got) != want || (want == "") != (got == nil) {
			t.Errorf("%.100s is read as %.100s, err %v", in, got, err)
		}
	}
	for _, c := range []struct {
		in, field, problem string
		code               protocol.Code
	}{
		{"", "payload", "the payload is not JSON: it ends too early", protocol.BadMessage},
		{" ", "payload", "it ends too early", protocol.BadMessage},
		{"{", "payload", "it ends too early", protocol.BadMessage},
		{"1 2", "payload", "more than one JSON value", protocol.BadMessage},
		{"nul", "payload", "the payload is not JSON", protocol.BadMessage},
		{"\"\xff\"", "payload", "the payload is not valid UTF-8", protocol.BadMessage},
		{"\xef\xbb\xbf1", "payload", "the payload is not JSON", protocol.BadMessage},
		{nested(32), "payload", "the payload nests deeper than 31", protocol.BadMessage},
		{nested(100_000), "payload", "the payload nests deeper than 31", protocol.BadMessage},
		{`{"a":1,"a":2}`, "payload.a", "stands twice in one object", protocol.BadMessage},
		{`{"b":[{"c":{"d":1,"d":1}}]}`, "payload.b.c.d", "stands twice in one object", protocol.BadMessage},
		{`"` + strings.Repeat("x", protocol.MaxUpload-1) + `"`, "payload", "the payload has 5242881 bytes, the limit is 5242880", protocol.MessageTooLarge},
	} {
		_, err := protocol.DecodePayload([]byte(c.in))
		refused, ok := errors.AsType[*protocol.RefusedError](err)
		if !ok || refused.Code != c.code || refused.Field != c.field || !strings.Contains(refused.Problem, c.problem) {
			t.Errorf("%.100s: err is %v, want field %q: %s", c.in, err, c.field, c.problem)
		}
	}
}

// FuzzDecodePayload: what is refused inside a message is refused by itself, and the other
// way round.
func FuzzDecodePayload(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, "null", `{"a":1,"a":2}`, "1 2", nested(31), nested(32), "\"\xff\"", `"}`, `1,"id":"x"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 20_000 || !json.Valid(b) {
			if _, err := protocol.DecodePayload(b); err == nil && !json.Valid(b) {
				t.Fatalf("%q is taken", b)
			}
			return
		}
		payload, err := protocol.DecodePayload(b)
		m, inside := protocol.DecodeMessage(fmt.Appendf(nil, `{"action":"echo","payload":%s}`, b))
		if (err == nil) != (inside == nil) || err == nil && string(payload) != string(m.Payload) {
			t.Fatalf("%q by itself is %q, err %v; inside a message %q, err %v", b, payload, err, m.Payload, inside)
		}
	})
}

func TestDecodeMessageTooLarge(t *testing.T) {
	_, err := protocol.DecodeMessage([]byte(sized(protocol.MaxMessage + 1)))
	refused, ok := errors.AsType[*protocol.RefusedError](err)
	if want := fmt.Sprintf("the message has %d bytes, the limit is %d", protocol.MaxMessage+1, protocol.MaxMessage); !ok || refused.Code != protocol.MessageTooLarge || err.Error() != want {
		t.Errorf("err is %v", err)
	}
}

func TestRefusalsCanBeAnswered(t *testing.T) {
	for in, want := range map[string]string{
		`{"id":"m1","action":5}`:                      "m1",
		`{"action":"echo","extra":1,"id":"m1"}`:       "m1",
		`{"id":"m1","payload":{"a":1,"a":2}}`:         "m1",
		`{"id":"m1","action":"echo","deadline_ms":1}`: "m1",
		`{"id":"m1"}`: "m1",
		`{"id":"m1","action":"echo","payload":` + nested(40) + `}`:    "m1",
		`{"id":"m1","payload":"` + strings.Repeat("x", 30_000) + `"}`: "m1",
		`{"ID":"m1","action":"echo"}`:                                 "",
		`{"id":"m1"`:                                                  "",
		`{"id":1,"action":"echo"}`:                                    "",
		`["m1"]`:                                                      "",
		`{"id":"` + strings.Repeat("x", 129) + `","action":5}`:        "",
		`{"id":"` + strings.Repeat("x", 129) + `","extra":5}`:         "",
		`{"id":"` + strings.Repeat("x", 129) + `","action":"echo"}`:   "",
	} {
		m, err := protocol.DecodeMessage([]byte(in))
		if err == nil || m.ID != want {
			t.Errorf("%.100s: id %q, err %v", in, m.ID, err)
		}
	}
}

func TestRefusalsFitAFrame(t *testing.T) {
	for _, in := range []string{
		`{"` + strings.Repeat(`\u0001`, 4000) + `":1}`,
		`{"payload":{` + strings.Repeat(`"`+strings.Repeat("k", 500)+`":{`, 20) + `"a":1,"a":1`,
		`{"deadline_ms":` + strings.Repeat("9", 20_000) + `}`,
		`{"deadline_ms":1.` + strings.Repeat("9", 20_000) + `}`,
	} {
		_, err := protocol.DecodeMessage([]byte(in))
		if err == nil || len(err.Error()) > 500 {
			t.Errorf("%.50s: %.600v", in, err)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add([]byte(`{"action":"generate_report","payload":{"start_date":"2024-01-01"},"id":"m1","idempotency_key":"k","deadline_ms":1000,"request_id":"r"}`))
	f.Add([]byte(`{"action":"echo","payload":[null,{"a":{}},1e5,"\ud800"]}`))
	f.Add([]byte(`{"payload":{"a":1,"a":2}}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := protocol.DecodeMessage(b)
		if len(m.ID) > protocol.MaxID {
			t.Fatalf("id of %d bytes", len(m.ID))
		}
		if err != nil {
			if _, ok := errors.AsType[*protocol.RefusedError](err); !ok || len(err.Error()) > 1000 {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		encoded, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", m, err)
		}
		if len(encoded) > protocol.MaxMessage {
			return // escapes made it longer
		}
		again, err := protocol.DecodeMessage(encoded)
		if err != nil {
			t.Fatalf("%s is refused: %v", encoded, err)
		}
		if !sameJSON(m.Payload, again.Payload) {
			t.Fatalf("payload %s became %s", m.Payload, again.Payload)
		}
		m.Payload, again.Payload = nil, nil
		if !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v became %+v", m, again)
		}
	})
}

func sameJSON(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	decode := func(raw json.RawMessage) (v any) {
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.UseNumber()
		if dec.Decode(&v) != nil {
			return errors.New("not JSON")
		}
		return v
	}
	return reflect.DeepEqual(decode(a), decode(b))
}

func TestDeadlinesWithoutAUnitAreNoDefault(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, time.Minute: 60_000, 90*time.Second + 300*time.Microsecond: 90_000, 30: 1, -30: 1, -time.Hour: -3_600_000,
	} {
		m := protocol.Message{Action: "echo"}
		m.SetDeadline(d)
		if err := m.Check(); m.DeadlineMS != want || (err == nil) != (want == 0 || want >= 1000) {
			t.Errorf("%s is %d: %v", d, m.DeadlineMS, err)
		}
	}
}
