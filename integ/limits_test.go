package integ_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

func TestUnknownAction(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for _, action := range []string{"nothing", "streamer.nothing", "streamer", "echo.", "constructor"} {
		refused(t, c.ask(t, protocol.Message{Action: action, Payload: json.RawMessage(`{"a":1}`)}), protocol.UnknownAction)
		c.ping(t)
	}
}

func TestMalformedMessagesAreRefusedAndTheConnectionKept(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for _, bad := range []struct {
		message, field string
		id             string // that the answer must carry
	}{
		{message: `x`},
		{message: `{`},
		{message: `[]`},
		{message: `"echo"`},
		{message: `null`},
		{message: `42`},
		{message: `{"action":"echo","payload":`},
		{message: `{"action":"echo","payload":NaN}`},
		{message: `{"action":"echo",}`},
		{message: `{'action':'echo'}`},
		{message: `{"action":"echo"} {"action":"echo"}`},
		{message: `{}`, field: "action"},
		{message: `{"action":""}`, field: "action"},
		{message: `{"action":1,"id":"bad"}`, field: "action", id: "bad"},
		{message: `{"action":null,"id":"bad"}`, field: "action", id: "bad"},
		{message: `{"action":"Echo","id":"bad"}`, field: "action", id: "bad"},
		{message: `{"action":"é","id":"bad"}`, field: "action", id: "bad"},
		{message: `{"Action":"echo","id":"bad"}`, field: "Action", id: "bad"},
		{message: `{"action":"` + strings.Repeat("a", 65) + `","id":"bad"}`, field: "action", id: "bad"},
		{message: `{"action":"echo","extra":1,"id":"bad"}`, field: "extra", id: "bad"},
		{message: `{"action":"echo","action":"echo"}`, field: "action"},
		{message: `{"action":"echo","id":"bad","payload":{"a":1,"a":2}}`, field: "payload.a", id: "bad"},
		{message: `{"action":"echo","id":5}`, field: "id"},
		{message: `{"action":"echo","id":"` + strings.Repeat("i", 129) + `"}`, field: "id"},
		{message: `{"action":"echo_async","id":"bad","idempotency_key":"é"}`, field: "idempotency_key", id: "bad"},
		{message: `{"action":"echo_async","id":"bad","idempotency_key":"` + strings.Repeat("k", 129) + `"}`, field: "idempotency_key", id: "bad"},
		{message: `{"action":"echo_async","id":"bad","deadline_ms":1}`, field: "deadline_ms", id: "bad"},
		{message: `{"action":"echo_async","id":"bad","deadline_ms":1e15}`, field: "deadline_ms", id: "bad"},
		{message: `{"action":"echo_async","id":"bad","deadline_ms":"1000"}`, field: "deadline_ms", id: "bad"},
		{message: `{"action":"echo","id":"bad","request_id":"x"}`, field: "request_id", id: "bad"},
		{message: `{"action":"streamer.get","id":"bad"}`, field: "request_id", id: "bad"},
		{message: `{"action":"streamer.get","id":"bad","payload":{"request_id":7}}`, field: "request_id", id: "bad"},
		{message: `{"action":"streamer.cancel","id":"bad","payload":[]}`, id: "bad"},
		{message: `{"action":"echo","id":"bad","payload":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, id: "bad"},
	} {
		e := refusal(t, c, websocket.MessageText, []byte(bad.message), protocol.BadMessage)
		field, _ := e.Details["field"].(string)
		if e.ID != bad.id || field != bad.field {
			t.Errorf("%.100s: answered with id %q and field %q, want %q and %q: %s", bad.message, e.ID, field, bad.id, bad.field, e.Message)
		}
	}
	refusal(t, c, websocket.MessageBinary, []byte{0, 0xff, 0xfe, '{', '}'}, protocol.BadMessage)
}

// refusal sends what must be refused, and sees that the connection still works.
func refusal(t *testing.T, c *client, kind websocket.MessageType, message []byte, code protocol.Code) protocol.Error {
	t.Helper()
	before := len(c.frames(isError))
	c.write(t, kind, message)
	var seen int
	f := c.wait(t, fmt.Sprintf("the refusal of %.100q", message), func(f frame) bool {
		if !isError(f) {
			return false
		}
		seen++
		return seen > before
	})
	e := refused(t, f, code)
	c.ping(t)
	if errors := len(c.frames(isError)); errors != before+1 {
		t.Errorf("%.100q is answered by %d errors", message, errors-before)
	}
	return e
}

func isError(f frame) bool { return f.Type() == protocol.TypeError }

// sized is an echo message of exactly n bytes.
func sized(n int) []byte {
	const head, tail = `{"action":"echo","id":"sized","payload":"`, `"}`
	return []byte(head + strings.Repeat("m", n-len(head)-len(tail)) + tail)
}

func TestLargestMessagePasses(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	message := sized(protocol.MaxMessage)
	c.write(t, websocket.MessageText, message)
	r := as[protocol.Response](t, c.wait(t, "the echo", func(f frame) bool { return f.ID == "sized" }))
	if !strings.Contains(string(message), string(r.Result)) || len(r.Result) < protocol.MaxMessage-100 {
		t.Errorf("%d bytes came back", len(r.Result))
	}
}

func TestMessageOverTheLimitIsRefusedAndTheConnectionKept(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for _, size := range []int{protocol.MaxMessage + 1, 30 * 1024, protocol.MaxFrame} {
		if e := refusal(t, c, websocket.MessageText, sized(size), protocol.MessageTooLarge); e.ID != "sized" {
			t.Errorf("%d bytes: the refusal has the id %q", size, e.ID)
		}
	}
	// What is too large is not looked at any further.
	refusal(t, c, websocket.MessageText, []byte(strings.Repeat("x", 30*1024)), protocol.MessageTooLarge)
}

// A frame over API Gateway's limit closes the connection, and the client may come back.
func TestFrameOverTheLimit(t *testing.T) {
	t.Parallel()
	for _, size := range []int{protocol.MaxFrame + 1, 100 * 1024} {
		u := fresh()
		c := dial(t, u)
		_ = c.conn.Write(t.Context(), websocket.MessageText, sized(size)) // it may be closed meanwhile
		f, err := c.await(func(frame) bool { return true })
		if code := websocket.CloseStatus(err); code != websocket.StatusMessageTooBig {
			t.Errorf("%d bytes: %v and %s, want it closed with 1009", size, err, f.raw)
		}
		dial(t, u).ping(t)
	}
}

// Payloads and results of every size are kept in different places; clients see none of
// it but the link to a result that is too large for a frame.
func TestPayloadsOfEverySizeComeBackIntact(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"100 B": 100, "1 KB": 1000, "20 KB": 20_000, "26 KB": 26_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, fresh())
			message := filled(t, size)
			id := c.submit(t, "echo_async", echoAsync{message, 0, 1})
			f := as[protocol.Complete](t, c.end(t, id))
			got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id))
			for _, result := range []struct {
				inline json.RawMessage
				ref    *protocol.Ref
			}{{f.Result, f.ResultRef}, {got.Result, got.ResultRef}} {
				data := []byte(result.inline)
				if large := size > protocol.MaxInline; large != (result.ref != nil) {
					t.Fatalf("result_ref is %+v", result.ref)
				}
				if result.ref != nil {
					data = download(t, result.ref.URL)
					sum := sha256.Sum256(data)
					if hex.EncodeToString(sum[:]) != result.ref.SHA256 || int64(len(data)) != result.ref.Size || string(result.inline) != "null" {
						t.Errorf("%d bytes with hash %x, but result %s and result_ref %+v", len(data), sum, result.inline, result.ref)
					}
				}
				var out echoAsync
				if err := json.Unmarshal(data, &out); err != nil || out.Message != message {
					t.Errorf("%d bytes came back as %d, %v", len(message), len(out.Message), err)
				}
			}
		})
	}
}

// filled is a text of about n bytes of JSON, with what encoders get wrong in it.
func filled(t *testing.T, n int) string {
	const piece = `a "quoted" <b>&amp;</b> back\slash é 日本 😀 ` + "\u2028 \x01 \t"
	return strings.Repeat(piece, n/len(object(t, piece))+1)
}

// download gets what a link leads to.
func download(t *testing.T, url string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("download: %s, %v: %.200s", resp.Status, err, body)
	}
	return body
}

func TestBadPayloadsNameTheirField(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for payload, field := range map[string]string{
		`{"message":1}`:                        "message",
		`{"message":"x","duration_ms":-1}`:     "duration_ms",
		`{"message":"x","duration_ms":"5"}`:    "duration_ms",
		`{"message":"x","duration_ms":600001}`: "duration_ms",
		`{"message":"x","steps":0}`:            "steps",
		`{"message":"x","steps":1001}`:         "steps",
		`{"message":"x","pace":1}`:             "pace",
		`"text"`:                               "",
	} {
		e := refused(t, c.ask(t, protocol.Message{Action: "echo_async", Payload: json.RawMessage(payload)}), protocol.InvalidPayload)
		if got, _ := e.Details["field"].(string); got != field {
			t.Errorf("%s: field %q: %s", payload, got, e.Message)
		}
	}
	if rows := requestsOf(t, c); len(rows) != 0 {
		t.Errorf("refused payloads were queued: %+v", rows)
	}
}
