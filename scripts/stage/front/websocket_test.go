package front

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const socketPath = "/_aws/execute-api/a1b2c3d4/dev"

// socketUpstream answers handshakes with accept and hands open sockets to serve.
func socketUpstream(accept *websocket.AcceptOptions, serve func(context.Context, *websocket.Conn)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, accept)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		conn.SetReadLimit(readLimit)
		serve(r.Context(), conn)
	})
}

// echo sends every message back.
func echo(ctx context.Context, conn *websocket.Conn) {
	for {
		kind, message, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if err := conn.Write(ctx, kind, message); err != nil {
			return
		}
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, server *httptest.Server, query string, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(testContext(t), server.URL+socketPath+query, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(readLimit)
	return conn
}

func TestMessagesBothWays(t *testing.T) {
	f, server := newFront(t, socketUpstream(nil, echo))
	conn := dial(t, server, "", nil)
	for _, message := range []string{`{"action":"echo"}`, "", strings.Repeat("ä", maxFrame/2)} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := conn.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if kind != websocket.MessageText || string(got) != message {
			t.Errorf("%d bytes came back as %v of %d bytes", len(message), kind, len(got))
		}
	}
	if calls := f.Calls(); len(calls) != 0 {
		t.Errorf("messages are no calls, counted %v", calls)
	}
}

func TestHandshakeIsPassedOn(t *testing.T) {
	seen := make(chan *http.Request, 1)
	accept := &websocket.AcceptOptions{InsecureSkipVerify: true}
	upstream := socketUpstream(accept, echo)
	_, server := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(context.Background())
		upstream.ServeHTTP(w, r)
	}))
	dial(t, server, "?token=a%20b&x=", &websocket.DialOptions{
		HTTPHeader: http.Header{
			"Authorization": {"Bearer t"}, "Origin": {"https://app.example"}, "User-Agent": {"browser"},
		},
		Subprotocols: []string{"streamer.bearer.t", "streamer.v1"},
	})
	r := <-seen
	if want := socketPath + "?token=a%20b&x="; r.RequestURI != want {
		t.Errorf("URI = %q, want %q", r.RequestURI, want)
	}
	if r.Host != strings.TrimPrefix(server.URL, "http://") {
		t.Errorf("Host = %q, want the front's own", r.Host)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer t", "Origin": "https://app.example", "User-Agent": "browser",
		"Sec-Websocket-Protocol": "streamer.bearer.t,streamer.v1", "Sec-Websocket-Extensions": "", "Accept-Encoding": "gzip", // the test client's
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestSubprotocolIsUpstreams(t *testing.T) {
	tests := []struct {
		name    string
		chosen  []string // by upstream
		offered []string
		want    string
	}{
		{"chosen", []string{"streamer.v1"}, []string{"streamer.bearer.t", "streamer.v1"}, "streamer.v1"},
		{"not chosen", nil, []string{"streamer.v1"}, ""},
		{"not offered", []string{"streamer.v1"}, nil, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, server := newFront(t, socketUpstream(&websocket.AcceptOptions{Subprotocols: test.chosen}, echo))
			conn := dial(t, server, "", &websocket.DialOptions{Subprotocols: test.offered})
			if got := conn.Subprotocol(); got != test.want {
				t.Errorf("subprotocol = %q, want %q", got, test.want)
			}
		})
	}
}

func TestRefusalIsUpstreams(t *testing.T) {
	for _, status := range []int{401, 403, 429, 500} {
		_, server := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"message":"no"}`)
		}))
		_, resp, err := websocket.Dial(testContext(t), server.URL+socketPath, nil)
		if err == nil || resp == nil {
			t.Fatalf("status %d: handshake succeeded", status)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || string(body) != `{"message":"no"}` || resp.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %d %q, want %d with upstream's body", resp.StatusCode, body, status)
		}
	}
}

func TestClientCloseReachesUpstream(t *testing.T) {
	tests := []struct {
		name string
		do   func(*websocket.Conn) error
		want websocket.StatusCode
	}{
		{"code", func(c *websocket.Conn) error { return c.Close(4001, "enough") }, 4001},
		{"no code", func(c *websocket.Conn) error { return c.Close(websocket.StatusNoStatusRcvd, "") }, websocket.StatusNoStatusRcvd},
		{"gone", (*websocket.Conn).CloseNow, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ended := make(chan error, 1)
			_, server := newFront(t, socketUpstream(nil, func(ctx context.Context, c *websocket.Conn) {
				_, _, err := c.Read(ctx)
				ended <- err
			}))
			conn := dial(t, server, "", nil)
			if err := test.do(conn); err != nil {
				t.Error(err)
			}
			select {
			case err := <-ended:
				if got := websocket.CloseStatus(err); got != test.want {
					t.Errorf("upstream saw %d (%v), want %d", got, err, test.want)
				}
				var closed websocket.CloseError
				if errors.As(err, &closed) && test.want == 4001 && closed.Reason != "enough" {
					t.Errorf("reason = %q", closed.Reason)
				}
			case <-time.After(time.Minute):
				t.Error("upstream saw no end")
			}
		})
	}
}

func TestUpstreamCloseReachesClient(t *testing.T) {
	_, server := newFront(t, socketUpstream(nil, func(_ context.Context, c *websocket.Conn) {
		_ = c.Close(websocket.StatusNormalClosure, "deleted")
	}))
	conn := dial(t, server, "", nil)
	_, _, err := conn.Read(testContext(t))
	var closed websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusNormalClosure || closed.Reason != "deleted" {
		t.Errorf("the client saw %v", err)
	}
}

func TestServeEndsWebSockets(t *testing.T) {
	behind := httptest.NewServer(socketUpstream(nil, echo))
	defer behind.Close()
	at, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- New(at, nil, nil, slog.New(slog.NewTextHandler(io.Discard, nil))).Serve(ctx, l) }()
	conn, _, err := websocket.Dial(testContext(t), "ws://"+l.Addr().String()+socketPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, _, err := conn.Read(testContext(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the WebSocket is still open: %v", err)
	}
}

func TestHandshakeAddsNothing(t *testing.T) {
	got := make(chan http.Header, 1)
	_, server := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Clone()
		w.WriteHeader(http.StatusForbidden)
	}))
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "GET "+socketPath+" HTTP/1.1\r\nHost: front\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	for name := range <-got {
		switch name {
		case "Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version":
		default:
			t.Errorf("the front added %s", name)
		}
	}
}
