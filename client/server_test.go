package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/pay-theory/streamer/protocol"
)

// TestMain fails if anything of a client, or of the servers it talked to, is left running
// after the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socket is the server's end of a connection. A script plays on it.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
}

// serve plays a script on every connection and returns the address. The connection ends
// with the script.
func serve(t *testing.T, script func(*socket)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		conn.SetReadLimit(protocol.MaxFrame)
		script(&socket{t: t, conn: conn, ctx: r.Context()})
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// connect dials and closes when the test ends.
func connect(t *testing.T, address string, options *Options) *Client {
	t.Helper()
	c, err := Dial(t.Context(), address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// against dials a server that plays a script.
func against(t *testing.T, script func(*socket)) *Client {
	t.Helper()
	return connect(t, serve(t, script), &Options{answerTimeout: 5 * time.Second})
}

// next reads a message; ok is false once the client has gone.
func (s *socket) next() (m protocol.Message, ok bool) {
	_, text, err := s.conn.Read(s.ctx)
	if err != nil {
		return m, false
	}
	if m, err = protocol.DecodeMessage(text); err != nil {
		s.t.Errorf("the client sent %s: %v", text, err)
	}
	return m, true
}

// expect reads a message of one action.
func (s *socket) expect(action string) protocol.Message {
	m, ok := s.next()
	if !ok || m.Action != action {
		s.t.Errorf("got %+v (%t), want %s", m, ok, action)
	}
	return m
}

// untilGone reads until the client has gone.
func (s *socket) untilGone() {
	for ok := true; ok; {
		_, ok = s.next()
	}
}

// send writes frames in their order.
func (s *socket) send(frames ...protocol.Frame) {
	for _, f := range frames {
		text, err := protocol.Encode(f)
		if err != nil {
			s.t.Errorf("encode: %v", err)
		}
		s.sendText(string(text))
	}
}

func (s *socket) sendText(text string) {
	_ = s.conn.Write(s.ctx, websocket.MessageText, []byte(text)) // the client may have gone
}

const requestID = "01J8ZK3V9N4QW2RX7T5Y6M8A0B"

func accepted(m protocol.Message) protocol.Accepted {
	return protocol.Accepted{Answer: protocol.Answer{ID: m.ID, TS: 1}, RequestID: requestID, Status: protocol.Pending}
}

func progress(ref string, seq int64, percentage float64) protocol.Progress {
	return protocol.Progress{
		Event:      protocol.Event{RequestID: requestID, Ref: ref, Seq: seq, TS: seq},
		Percentage: percentage, Message: fmt.Sprintf("at %v", percentage), Attempt: 1,
	}
}

func complete(ref string, seq int64, result string) protocol.Complete {
	return protocol.Complete{
		Event:  protocol.Event{RequestID: requestID, Ref: ref, Seq: seq, TS: seq},
		Result: json.RawMessage(result), Attempt: 1,
	}
}

func failed(ref string, seq int64) protocol.FailedFrame {
	return protocol.FailedFrame{
		Event: protocol.Event{RequestID: requestID, Ref: ref, Seq: seq, TS: seq},
		Code:  protocol.Unavailable, Message: "the table did not answer", Attempt: 3,
	}
}

func cancelled(ref string, seq int64) protocol.CancelledFrame {
	return protocol.CancelledFrame{Event: protocol.Event{RequestID: requestID, Ref: ref, Seq: seq, TS: seq}}
}
