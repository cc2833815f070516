package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// What is no answer, and no frame at all, does not disturb those that are.
func TestWhatIsIgnored(t *testing.T) {
	var logged bytes.Buffer
	address := serve(t, func(s *socket) {
		m := s.expect("echo")
		for _, text := range []string{
			``, ` `, `garbage`, `null`, `[]`, `{"type":5}`, `{"type":"progress","seq":"x"}`, `{"type":"progress","request_id":"nobody's","seq":5}`,
			`{"type":"novelty","id":"` + m.ID + `"}`, `{"message":"no type"}`, `{"type":"error","code":"BAD_MESSAGE","message":"which?"}`,
			`{"type":"response","id":"another","result":1}`, `{"type":"unsubscribed","request_id":"x"}`,
		} {
			s.sendText(text)
		}
		_ = s.conn.Write(s.ctx, websocket.MessageBinary, []byte(`{"type":"response","id":"`+m.ID+`","result":{"message":"binary"}}`))
		s.send(response(m, `{"message":"hello"}`))
		s.untilGone()
	})
	c := connect(t, address, &Options{Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	out, err := Do(t.Context(), c, echo, echoIn{"hello"})
	if err != nil || out.Message != "hello" {
		t.Errorf("got %+v, %v", out, err)
	}
	_ = c.Close() // the log is written by the reader
	for _, want := range []string{"invalid character 'g'", "novelty", "unsubscribed", "which?", "progress frame", "binary"} {
		if strings.Count(logged.String(), want) != 1 {
			t.Errorf("%q is not in the log once:\n%s", want, &logged)
		}
	}
}

func TestGoldenFramesAreTaken(t *testing.T) {
	files, err := filepath.Glob("../protocol/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	var logged bytes.Buffer
	address := serve(t, func(s *socket) {
		m := s.expect("echo")
		for _, file := range files {
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			s.sendText(string(golden))
		}
		s.send(response(m, `{}`))
		s.untilGone()
	})
	c := connect(t, address, &Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	if _, err := Do(t.Context(), c, echo, echoIn{}); err != nil {
		t.Error(err)
	}
	_ = c.Close()
	if n := strings.Count(logged.String(), "level=WARN"); n != 1 || !strings.Contains(logged.String(), "try again in a moment") { // the error without an id
		t.Errorf("%d warnings:\n%s", n, &logged)
	}
}

// API Gateway's own errors name no message. Where only one waits, it is that one's.
func TestErrorsOfAPIGateway(t *testing.T) {
	const problem = `{"message":"Internal server error","connectionId":"L0SM9cOFvHcCIhw=","requestId":"L0Z9eGKvPHcFphQ="}`
	t.Run("one waits", func(t *testing.T) {
		c := answering(t, func(s *socket, _ protocol.Message) { s.sendText(problem) })
		_, err := c.Call(t.Context(), "echo", nil)
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != protocol.Unavailable || !e.Retryable || !strings.Contains(e.Message, "Internal server error") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("two wait", func(t *testing.T) {
		c := against(t, func(s *socket) {
			_, _ = s.next()
			second, _ := s.next()
			s.sendText(problem)
			s.send(response(second, `{}`))
			s.untilGone()
		})
		var calls sync.WaitGroup
		var refused atomic.Int32
		for range 2 {
			calls.Go(func() {
				if _, err := c.Call(t.Context(), "echo", nil); isCode(err, protocol.Unavailable) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := refused.Load(); n != 1 {
			t.Errorf("%d calls were refused", n)
		}
	})
	// The error may be that of the message that nobody waits for any more.
	t.Run("one gives up", func(t *testing.T) {
		first, left := make(chan struct{}), make(chan struct{})
		c := against(t, func(s *socket) {
			_, _ = s.next()
			close(first)
			second, _ := s.next()
			s.sendText(problem)
			<-left
			s.send(response(second, `{}`))
			s.untilGone()
		})
		ctx, giveUp := context.WithCancel(t.Context())
		var calls sync.WaitGroup
		calls.Go(func() {
			if _, err := c.Call(ctx, "echo", nil); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		<-first
		calls.Go(func() {
			if _, err := c.Call(t.Context(), "echo", nil); err != nil {
				t.Error(err)
			}
		})
		untilKept(t, c, 3) // two messages and the error
		giveUp()
		untilKept(t, c, 1)
		close(left)
		calls.Wait()
	})
}

func TestNoAnswer(t *testing.T) {
	address := serve(t, (*socket).untilGone)
	c := connect(t, address, &Options{answerTimeout: 20 * time.Millisecond})
	if _, err := c.Call(t.Context(), "echo", nil); !errors.Is(err, ErrNoAnswer) || err.Error() != "echo: no answer within 20ms" {
		t.Errorf("got %v", err)
	}
	if left := kept(c); left != 0 {
		t.Errorf("%d things are kept", left)
	}
}

func TestPings(t *testing.T) {
	t.Run("keep the connection", func(t *testing.T) {
		pings := make(chan struct{}, 100)
		address := serve(t, func(s *socket) {
			for {
				m, ok := s.next()
				if !ok {
					return
				}
				if m.Action != protocol.ActionPing {
					t.Errorf("got %+v", m)
				}
				pings <- struct{}{}
				s.send(protocol.Pong{Answer: protocol.Answer{ID: m.ID}})
			}
		})
		c := connect(t, address, &Options{PingInterval: time.Millisecond})
		for range 3 {
			<-pings
		}
		if err := c.why(); err != nil {
			t.Error(err)
		}
	})
	t.Run("without an answer end it", func(t *testing.T) {
		address := serve(t, (*socket).untilGone)
		c := connect(t, address, &Options{PingInterval: time.Millisecond, answerTimeout: 20 * time.Millisecond})
		<-c.Done()
		if _, err := c.Call(t.Context(), "echo", nil); !errors.Is(err, ErrDisconnected) || !errors.Is(err, ErrNoAnswer) {
			t.Errorf("got %v", err)
		}
	})
	if d := (*Options)(nil).withDefaults().PingInterval; d > 5*time.Minute {
		t.Errorf("pings every %s do not keep a connection that is idle after 10 minutes", d)
	}
}

func TestMessagesThatAreTooLargeEndTheConnection(t *testing.T) {
	c := against(t, func(s *socket) {
		m := s.expect("echo")
		s.send(response(m, `"`+strings.Repeat("x", 127<<10)+`"`))
		s.expect("echo")
		s.sendText(strings.Repeat("x", 129<<10))
		s.untilGone()
	})
	if raw, err := c.Call(t.Context(), "echo", nil); err != nil || len(raw) != 127<<10+2 {
		t.Errorf("got %d bytes, %v", len(raw), err)
	}
	if _, err := c.Call(t.Context(), "echo", nil); !errors.Is(err, ErrDisconnected) {
		t.Errorf("got %v", err)
	}
}

func TestClose(t *testing.T) {
	closed := make(chan websocket.StatusCode, 1)
	c := against(t, func(s *socket) {
		s.send(accepted(s.expect("echo_async")))
		_, _, err := s.conn.Read(s.ctx)
		closed <- websocket.CloseStatus(err)
	})
	run := submit(t, c)
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closing.Wait()
	if code := <-closed; code != websocket.StatusNormalClosure {
		t.Errorf("closed with %v", code)
	}
	_, ofResult := run.Result(t.Context())
	_, ofCall := c.Call(t.Context(), "echo", nil)
	for _, err := range []error{ofResult, ofCall} {
		if !errors.Is(err, ErrDisconnected) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// The connection outlives the context of its handshake.
func TestDialContextIsTheHandshakes(t *testing.T) {
	address := serve(t, func(s *socket) {
		s.send(response(s.expect("echo"), `{}`))
		s.untilGone()
	})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := Dial(ctx, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel()
	if _, err := c.Call(t.Context(), "echo", nil); err != nil {
		t.Error(err)
	}
}

func TestResultsByReference(t *testing.T) {
	const document = `{"message":"large"}`
	sum := sha256.Sum256([]byte(document))
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/expired":
			w.WriteHeader(http.StatusForbidden)
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write([]byte(document))
		}
	}))
	defer files.Close()
	good := protocol.Ref{URL: files.URL + "/fresh", Size: int64(len(document)), SHA256: hex.EncodeToString(sum[:])}
	with := func(change func(*protocol.Ref)) protocol.Ref {
		ref := good
		change(&ref)
		return ref
	}
	for name, c := range map[string]struct {
		ref  protocol.Ref
		want string // empty: the result
	}{
		"there":         {good, ""},
		"expired":       {with(func(r *protocol.Ref) { r.URL = files.URL + "/expired" }), ""},
		"gone":          {with(func(r *protocol.Ref) { r.URL = files.URL + "/gone?signature=secret" }), "its link answered with status 404"},
		"too long":      {with(func(r *protocol.Ref) { r.Size-- }), "19 bytes of 18"},
		"too short":     {with(func(r *protocol.Ref) { r.Size++ }), "19 bytes of 20"},
		"another":       {with(func(r *protocol.Ref) { r.SHA256 = strings.Repeat("0", 64) }), "not what was stored"},
		"not reachable": {with(func(r *protocol.Ref) { r.URL = "http://127.0.0.1:1/?signature=secret" }), "fetch the result: dial tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			end := complete("", 11, "null")
			end.ResultRef = &c.ref
			client := answering(t, func(s *socket, m protocol.Message) {
				if m.Action == protocol.ActionGet {
					s.send(protocol.Request{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Status: protocol.Completed, ResultRef: &good})
					return
				}
				s.send(accepted(m), end)
			})
			out, err := submit(t, client).Result(t.Context())
			if c.want == "" && (err != nil || out.Message != "large") {
				t.Errorf("got %+v, %v", out, err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %v", err)
			}
		})
	}
}
