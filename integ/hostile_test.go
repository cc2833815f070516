package integ_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// What a hostile client sends is answered with a typed error, one each, on the same
// connection, and no row is written, whether it comes one by one or as a flood. A panic would
// be INTERNAL, which none of these is.
// TestMalformedMessagesAreRefusedAndTheConnectionKept has the fields that answers name.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	u := fresh()
	c := dial(t, u)
	const unknown = `01JAAAAAAAAAAAAAAAAAAAAAAA`
	echoAsync := func(member, value string) string {
		return `{"action":"echo_async","payload":{"message":"x","` + member + `":` + value + `}}`
	}
	var hostile []message
	add := func(code protocol.Code, texts ...string) {
		for _, text := range texts {
			hostile = append(hostile, message{websocket.MessageText, text, code})
		}
	}
	add(protocol.BadMessage, // not one JSON object
		" ", "\t\r\n", "true", "0", "-", "1e400", "\"", `"\ud800"`, "[[", "}", "{]", "nul", "{} {}", "{}{}", "// {}", "{\"action\":\"echo\"}\x00", "\ufeff{}",
		`{"action":"echo","payload":1e}`, `{"action":"echo","payload":01}`, `{"action":"echo","payload":+1}`, `{"action":"echo","payload":.5}`,
		`{"action":"echo","payload":0x10}`, `{"action":"echo","payload":Infinity}`, `{"action":"echo","payload":undefined}`,
		"{\"action\":\"echo\",\"payload\":\"\x01\"}", "{\"action\":\"echo\",\"payload\":\"\n\"}", `{"action":"echo","payload":"\x41"}`, `{"action":"echo","payload":"\u12"}`,
	)
	add(protocol.BadMessage, // depth, of which the emulator's own reader bears no more
		strings.Repeat("[", 900), strings.Repeat("[", 900)+strings.Repeat("]", 900),
		`{"action":"echo","payload":`+strings.Repeat(`{"a":`, 900)+"1"+strings.Repeat("}", 900)+"}",
		`{"action":"echo","payload":`+strings.Repeat("[", protocol.MaxDepth)+strings.Repeat("]", protocol.MaxDepth)+`}`, // one over
	)
	add(protocol.BadMessage, // names
		`{"action":"$connect"}`, `{"action":"$disconnect"}`, `{"action":"$default"}`, `{"action":"echo\u0000"}`, `{"action":" echo"}`, `{"action":"echo\n"}`,
		`{"action":"../echo"}`, `{"action":"ECHO"}`, `{"action":"ｅｃｈｏ"}`, `{"action":"echo","pay\u0000load":1}`, `{"action":"echo","":1}`, `{"action":"echo","__proto__":{}}`,
		`{"action":"echo","constructor":1}`, `{"action":"echo","payload":{"a":1,"\u0061":2}}`, `{"action":"echo","\u0061ction":"echo_async"}`,
		`{"action":"echo","payload":[{"b":1,"b":1}]}`, `{"action":"echo","Payload":1}`, `{"action":"echo","PAYLOAD":1}`,
	)
	add(protocol.BadMessage, // whose it is, which only the token says
		`{"action":"echo","tenant":"other"}`, `{"action":"echo","user":"other"}`, `{"action":"echo","sub":"other"}`, `{"action":"echo","connection_id":"other"}`,
		`{"action":"echo","connectionId":"other"}`, `{"action":"echo_async","status":"COMPLETED"}`, `{"action":"echo_async","requestContext":{"authorizer":{"sub":"other"}}}`,
	)
	for _, field := range []string{"action", "id", "idempotency_key", "request_id", "payload_ref", "deadline_ms"} { // types
		for _, value := range []string{`[]`, `{}`, `true`, `1.5`, `-0.1`, `["echo"]`} {
			add(protocol.BadMessage, fmt.Sprintf(`{"action":"echo_async",%q:%s}`, field, value))
		}
	}
	add(protocol.BadMessage, // one over each limit
		`{"action":"`+strings.Repeat("a", protocol.MaxActionName+1)+`"}`,
		`{"action":"echo","id":"`+strings.Repeat("i", protocol.MaxID+1)+`"}`,
		`{"action":"echo","id":"`+strings.Repeat("é", protocol.MaxID/2)+`x"}`,
		`{"action":"echo_async","idempotency_key":"`+strings.Repeat("k", protocol.MaxIdempotencyKey+1)+`"}`,
		fmt.Sprintf(`{"action":"echo_async","deadline_ms":%d}`, protocol.MinDeadline.Milliseconds()-1),
		fmt.Sprintf(`{"action":"echo_async","deadline_ms":%d}`, protocol.MaxDeadline.Milliseconds()+1),
	)
	add(protocol.BadMessage, // numbers
		`{"action":"echo_async","deadline_ms":-1}`, `{"action":"echo_async","deadline_ms":9223372036854775808}`, `{"action":"echo_async","deadline_ms":1e400}`,
		`{"action":"echo_async","deadline_ms":-9223372036854775809}`, `{"action":"echo_async","deadline_ms":1e3000000000}`, `{"action":"echo_async","deadline_ms":0.0000001}`,
		`{"action":"echo_async","idempotency_key":"a\u0000b"}`, `{"action":"echo_async","idempotency_key":"a\tb"}`, `{"action":"echo_async","idempotency_key":"\u007f"}`,
	)
	add(protocol.InvalidPayload,
		echoAsync("duration_ms", "1e400"), echoAsync("duration_ms", "9007199254740993"), echoAsync("duration_ms", "1e3"), echoAsync("duration_ms", "-9223372036854775809"),
		echoAsync("duration_ms", "1.5"), echoAsync("steps", "18446744073709551616"), echoAsync("steps", "-1"), echoAsync("steps", `{"$gt":0}`), echoAsync("steps", "[1]"),
		echoAsync("tenant", `"other"`), echoAsync("user", `"other"`), echoAsync(`__proto__`, `{"steps":1}`),
		`{"action":"echo_async","payload":[]}`, `{"action":"echo_async","payload":7}`, `{"action":"echo_async","payload":{"message":{"a":1}}}`,
		`{"action":"generate_report","payload":{"start_date":"2024-02-30","end_date":"2024-03-01"}}`, `{"action":"generate_report","payload":{"start_date":"' OR 1=1 --","end_date":"2024-03-01"}}`,
		`{"action":"generate_report","payload":{"start_date":"2024-03-01","end_date":"2024-02-01"}}`, `{"action":"generate_report","payload":{"start_date":"2024-01-01","end_date":"2024-01-31","format":"../../etc/passwd"}}`,
		`{"action":"streamer.upload","payload":{"size":0,"sha256":"`+strings.Repeat("0", 64)+`"}}`, `{"action":"streamer.upload","payload":{"size":-1,"sha256":"`+strings.Repeat("0", 64)+`"}}`,
		fmt.Sprintf(`{"action":"streamer.upload","payload":{"size":%d,"sha256":%q}}`, protocol.MaxUpload+1, strings.Repeat("0", 64)),
		`{"action":"streamer.upload","payload":{"size":5,"sha256":"`+strings.Repeat("A", 64)+`"}}`, `{"action":"streamer.upload","payload":{"size":5,"sha256":"../../x"}}`,
		`{"action":"streamer.list","payload":{"limit":-1}}`, fmt.Sprintf(`{"action":"streamer.list","payload":{"limit":%d}}`, protocol.MaxList+1), `{"action":"streamer.list","payload":{"page":"../x"}}`,
		`{"action":"streamer.list","payload":{"status":"pending"}}`,
	)
	add(protocol.UnknownAction, `{"action":"streamer.admin"}`, `{"action":"streamer.forget"}`, `{"action":"tostring"}`, `{"action":"echo-async"}`)
	for _, verb := range []string{protocol.ActionGet, protocol.ActionSubscribe, protocol.ActionUnsubscribe, protocol.ActionCancel} {
		add(protocol.NotFound, fmt.Sprintf(`{"action":%q,"request_id":%q}`, verb, unknown), fmt.Sprintf(`{"action":%q,"request_id":"\u0000"}`, verb),
			fmt.Sprintf(`{"action":%q,"request_id":"T#other#R#%s"}`, verb, unknown), fmt.Sprintf(`{"action":%q,"request_id":%q}`, verb, strings.Repeat("9", 20_000)))
		add(protocol.BadMessage, fmt.Sprintf(`{"action":%q,"request_id":{"S":"x"}}`, verb), fmt.Sprintf(`{"action":%q}`, verb))
	}
	add(protocol.NotFound, `{"action":"echo_async","payload_ref":"`+strings.Repeat("0", 64)+`"}`, `{"action":"echo_async","payload_ref":"../../other"}`)
	add(protocol.MessageTooLarge, string(sized(protocol.MaxMessage+1)))
	// As binary frames, of which the emulator makes text: router.TestBinaryFrames has those
	// that are messages otherwise.
	for _, bytes := range []string{"\xff", "\x00\x01", "{\"action\":\"ec\xc3ho\"}", "\xfe\xff\x00{"} {
		hostile = append(hostile, message{websocket.MessageBinary, bytes, protocol.BadMessage})
	}
	if len(hostile) < 60 {
		t.Fatalf("only %d messages", len(hostile))
	}

	s := deployed(t)
	written := func() int { return 0 }
	if s.endpoint != "" { // every write of a row that names the connection is seen, whoever's the row would be
		writes := faults(t, s, front.Rule{Operation: "dynamodb.*", Contains: append(connectionsOf(t, u), contract.StatusAttribute, contract.SKMeta), Fault: front.FaultDelay})
		written = func() int { return hits(t, s, writes)[0].Seen }
	}
	answer := func(i int) protocol.Error {
		c.wait(t, fmt.Sprintf("answer %d", i), func(frame) bool { return len(c.frames(isError)) > i })
		return as[protocol.Error](t, c.frames(isError)[i])
	}
	for i, m := range hostile {
		c.write(t, m.kind, []byte(m.text))
		if e := answer(i); e.Code != m.code || e.Message == "" || e.Retryable {
			t.Errorf("%.100q is answered with %s (%s), want %s", m.text, e.Code, e.Message, m.code)
		}
	}
	want := map[protocol.Code]int{}
	for i := 0; i < len(hostile); i += 3 {
		c.write(t, hostile[i].kind, []byte(hostile[i].text))
		want[hostile[i].code]++
	}
	got := map[protocol.Code]int{}
	for i := 0; i < len(hostile); i += 3 {
		got[answer(len(hostile)+i/3).Code]++
	}
	if !maps.Equal(got, want) {
		t.Errorf("a flood is answered with %v, want %v", got, want)
	}
	settle(t, c)
	if errors := len(c.frames(isError)); errors != len(hostile)+(len(hostile)+2)/3 {
		t.Errorf("%d errors", errors)
	}
	if n := written(); n != 0 {
		t.Errorf("%d writes", n)
	}
	if rows := requestsOf(t, c); len(rows) != 0 {
		t.Errorf("requests were stored: %+v", rows)
	}
	if s.endpoint != "" && written() == 0 { // the report's own row
		t.Error("writes are not seen")
	}
	t.Logf("%d messages", len(hostile))
}

type message struct {
	kind websocket.MessageType
	text string
	code protocol.Code
}
