package client

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/pay-theory/streamer/protocol"
)

// TestMain fails if anything of a client, or of the servers it talked to, is left running
// after the tests.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil { // the cases wait most of their time
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// socket is the server's end of a connection. A script plays on it.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
}

// playing plays scripts, the first on the first connection and so on, the last on all that
// follow. A connection ends with its script.
func playing(t *testing.T, scripts ...func(*socket)) http.Handler {
	var connections atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		script := scripts[min(connections.Add(1), int64(len(scripts)))-1]
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
		if err != nil {
			t.Errorf("accept: %v", err)
			return
		}
		defer func() { _ = conn.CloseNow() }()
		conn.SetReadLimit(protocol.MaxFrame)
		script(&socket{t: t, conn: conn, ctx: r.Context()})
	})
}

// serve has a server play scripts, and returns its address.
func serve(t *testing.T, scripts ...func(*socket)) string {
	t.Helper()
	server := httptest.NewServer(playing(t, scripts...))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

// stageAddress is where a server is on a network in memory.
const stageAddress = "ws://stage.test/v1"

// inMemory dials a server that plays scripts on a network in memory.
func inMemory(t *testing.T, options Options, scripts ...func(*socket)) *Client {
	t.Helper()
	options.HTTPClient = newNetwork(t, playing(t, scripts...))
	return connect(t, stageAddress, &options)
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

// against dials a server that plays scripts.
func against(t *testing.T, scripts ...func(*socket)) *Client {
	t.Helper()
	return connect(t, serve(t, scripts...), nil)
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
