package integ_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// patience is how long a frame is waited for before the test gives up: far more than
// any stage takes.
const patience = 60 * time.Second

// client is one connection and everything that came over it.
type client struct {
	conn *websocket.Conn
	done chan struct{} // closed once reading has ended

	mu       sync.Mutex
	sent     int
	got      []frame
	mishaps  []mishap      // that the test has not asked for yet
	problems []error       // frames that should never have come
	ended    error         // why reading ended
	news     chan struct{} // closed at the next change
}

// frame is one message of the server.
type frame struct {
	protocol.Frame
	// ID, Ref, RequestID, Seq and TS are what frames have in common, zero where this
	// one has none.
	ID        string `json:"id"`
	Ref       string `json:"ref"`
	RequestID string `json:"request_id"`
	Seq       int64  `json:"seq"`
	TS        int64  `json:"ts"`
	raw       []byte
	at        time.Time
}

// dial connects as u, with the token in the query, and disconnects when the test ends.
func dial(t *testing.T, u user) *client {
	t.Helper()
	s := deployed(t)
	token := s.token(t, u)
	return dialWith(t, s.socket+"?token="+token, nil)
}

// dialWith connects to a URL and checks at the test's end what had come.
func dialWith(t *testing.T, url string, options *websocket.DialOptions) *client {
	t.Helper()
	c, refused, err := open(t.Context(), url, options)
	if err != nil {
		t.Fatalf("connect: %v (status %d)", err, refused)
	}
	t.Cleanup(func() { c.close(t) })
	return c
}

// open connects. A refused handshake gives its HTTP status.
func open(ctx context.Context, url string, options *websocket.DialOptions) (*client, int, error) {
	handshake, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, answer, err := websocket.Dial(handshake, url, options)
	if err != nil {
		if answer != nil {
			return nil, answer.StatusCode, err
		}
		return nil, 0, err
	}
	conn.SetReadLimit(1 << 20)
	c := &client{conn: conn, done: make(chan struct{}), news: make(chan struct{})}
	go c.read(context.WithoutCancel(ctx)) // until the connection ends
	return c, http.StatusSwitchingProtocols, nil
}

// close disconnects and reports what should never have come.
func (c *client) close(t *testing.T) {
	t.Helper()
	_ = c.conn.Close(websocket.StatusNormalClosure, "") // the server may have closed it before
	<-c.done
	for _, problem := range c.problems {
		t.Error(problem)
	}
	for _, m := range c.mishaps {
		t.Errorf("API Gateway says: %+v", m)
	}
	c.problems, c.mishaps = nil, nil
}

func (c *client) read(ctx context.Context) {
	defer close(c.done)
	for {
		kind, raw, err := c.conn.Read(ctx)
		c.mu.Lock()
		if err != nil {
			c.ended = err
		} else if m, ok := mishapOf(raw); ok {
			c.mishaps = append(c.mishaps, m)
		} else if f, err := decode(kind, raw); err != nil {
			c.problems = append(c.problems, err)
		} else {
			c.got = append(c.got, f)
		}
		close(c.news)
		c.news = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// inside is what a client must never see: Go's stacks and errors, AWS's errors and names.
var inside = regexp.MustCompile(`goroutine |\.go:\d|runtime error|panic|stackTrace|errorType|operation error|StatusCode|AccessDenied|` +
	`Exception|RequestID: |arn:aws|amazonaws|[Dd]ynamo[Dd][Bb]|pk=|T#`)

// decode reads a frame as strictly as no client has to: its type is known, it is as the
// protocol's document says, and it tells nothing of what happened inside. A result is the handler's and may say anything.
func decode(kind websocket.MessageType, raw []byte) (frame, error) {
	f := frame{raw: raw, at: time.Now()}
	if kind != websocket.MessageText {
		return f, fmt.Errorf("a %v message came: %.200q", kind, raw)
	}
	var err error
	if f.Frame, err = protocol.DecodeFrame(raw); err != nil {
		return f, err
	}
	if _, unknown := f.Frame.(protocol.Unknown); unknown {
		return f, fmt.Errorf("a frame of an unknown type came: %.200q", raw)
	}
	if err := documented(f.Type(), raw); err != nil {
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("decode frame: %w", err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return f, fmt.Errorf("decode frame: %w", err)
	}
	for name, value := range members {
		own := name == "result" || name == "result_ref" || name == "id" || name == "ref"
		if found := inside.Find(value); found != nil && !own {
			return f, fmt.Errorf("%s tells of the inside (%q): %.500s", name, found, raw)
		}
	}
	return f, nil
}

// write sends a message as it is.
func (c *client) write(t *testing.T, kind websocket.MessageType, message []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.conn.Write(ctx, kind, message); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// send sends a message and returns its id, which it gives it if it has none.
func (c *client) send(t *testing.T, m protocol.Message) string {
	t.Helper()
	if m.ID == "" {
		c.mu.Lock()
		c.sent++
		m.ID = fmt.Sprintf("m-%d", c.sent)
		c.mu.Unlock()
	}
	c.write(t, websocket.MessageText, object(t, m))
	return m.ID
}

// ask sends a message and waits for the frame that answers it.
func (c *client) ask(t *testing.T, m protocol.Message) frame {
	t.Helper()
	id := c.send(t, m)
	answer := c.wait(t, "the answer to "+m.Action, func(f frame) bool { return f.ID == id })
	checkAnswer(t, m.Action, answer.Type())
	return answer
}

// submit has an async request accepted and returns its id.
func (c *client) submit(t *testing.T, action string, payload any) string {
	t.Helper()
	f := c.ask(t, protocol.Message{Action: action, Payload: object(t, payload)})
	return as[protocol.Accepted](t, f).RequestID
}

// about asks one of Streamer's own actions about a request.
func (c *client) about(t *testing.T, action, requestID string) frame {
	t.Helper()
	return c.ask(t, protocol.Message{Action: action, RequestID: requestID})
}

// ping fails the test unless the connection still answers.
func (c *client) ping(t *testing.T) {
	t.Helper()
	as[protocol.Pong](t, c.ask(t, protocol.Message{Action: protocol.ActionPing}))
}

// end waits for the terminal frame of a request.
func (c *client) end(t *testing.T, requestID string) frame {
	t.Helper()
	return c.wait(t, "the end of "+requestID, func(f frame) bool { return f.RequestID == requestID && f.Type().Terminal() })
}

// progress waits for the first progress of a request.
func (c *client) progress(t *testing.T, requestID string) protocol.Progress {
	t.Helper()
	f := c.wait(t, "progress of "+requestID, func(f frame) bool { return f.RequestID == requestID && f.Type() == protocol.TypeProgress })
	return as[protocol.Progress](t, f)
}

// wait returns the first frame that is as wanted, of those that came and those to come.
func (c *client) wait(t *testing.T, what string, wanted func(frame) bool) frame {
	t.Helper()
	f, err := c.await(wanted)
	if err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
	return f
}

// await is wait with an error, which wraps the one that ended the connection if that
// came first.
func (c *client) await(wanted func(frame) bool) (frame, error) {
	timeout := time.After(patience)
	for looked := 0; ; {
		c.mu.Lock()
		got, ended, news := c.got, c.ended, c.news
		c.mu.Unlock()
		if at := slices.IndexFunc(got[looked:], wanted); at >= 0 {
			return got[looked+at], nil
		}
		if looked = len(got); ended != nil {
			return frame{}, fmt.Errorf("the connection ended: %w", ended)
		}
		select {
		case <-news:
		case <-timeout:
			return frame{}, fmt.Errorf("nothing after %s; %d frames came: %s", patience, len(got), last(got))
		}
	}
}

// gone waits until the connection has ended, as it must.
func (c *client) gone(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Fatalf("the connection is still there after %s", patience)
	}
}

// frames are those that came so far and are as wanted.
func (c *client) frames(wanted func(frame) bool) []frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []frame
	for _, f := range c.got {
		if wanted(f) {
			found = append(found, f)
		}
	}
	return found
}

// of are the frames about a request that came so far.
func (c *client) of(requestID string) []frame {
	return c.frames(func(f frame) bool { return f.RequestID == requestID })
}

// mishap is what API Gateway sends when it, and not the stage, answers a message. It does
// not say which message.
type mishap struct {
	Message      string `json:"message"`
	ConnectionID string `json:"connectionId"`
	RequestID    string `json:"requestId"`
}

func mishapOf(raw []byte) (m mishap, ok bool) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return m, decoder.Decode(&m) == nil && m.Message != "" && m.ConnectionID != "" && m.RequestID != ""
}

// Messages of mishaps.
const (
	functionFailed  = "Internal server error"
	tooManyRequests = "Too Many Requests"
)

// mishap waits for the next mishap, which must be of that kind.
func (c *client) mishap(t *testing.T, message string) mishap {
	t.Helper()
	timeout := time.After(patience)
	for {
		c.mu.Lock()
		if len(c.mishaps) > 0 {
			m := c.mishaps[0]
			c.mishaps = c.mishaps[1:]
			c.mu.Unlock()
			if m.Message != message {
				t.Fatalf("API Gateway says %+v, want %s", m, message)
			}
			return m
		}
		news := c.news
		c.mu.Unlock()
		select {
		case <-news:
		case <-c.done:
			t.Fatalf("the connection ended: %v", c.ended)
		case <-timeout:
			t.Fatalf("nothing went wrong for %s", patience)
		}
	}
}

// last shows the newest frames to whoever reads a failure.
func last(got []frame) string {
	var lines []string
	for _, f := range got[max(len(got)-5, 0):] {
		lines = append(lines, fmt.Sprintf("%.300s", f.raw))
	}
	return strings.Join(lines, "\n\t")
}

// as is a frame as the type that it must have.
func as[F protocol.Frame](t *testing.T, f frame) F {
	t.Helper()
	typed, ok := f.Frame.(F)
	if !ok {
		t.Fatalf("got %.500s, want a %s frame", f.raw, typed.Type())
	}
	return typed
}

// refused is an error frame with that code.
func refused(t *testing.T, f frame, code protocol.Code) protocol.Error {
	t.Helper()
	e := as[protocol.Error](t, f)
	if e.Code != code || e.Message == "" || e.Retryable != code.Retryable() {
		t.Errorf("got %.500s, want %s", f.raw, code)
	}
	return e
}

// object is v as JSON, with no more escapes than JSON needs.
func object(t *testing.T, v any) json.RawMessage {
	t.Helper()
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data.Bytes())
}
