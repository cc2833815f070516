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
			`{"type":"response","id":"another","result":1}`, `{"type":"unsubscribed","request_id":"x"}`, `{"type":"pong"}`,
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
	for _, want := range []string{"invalid character 'g'", "novelty", "which?", "progress frame", "binary"} {
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

// What is larger than API Gateway lets through ends a connection, and no call.
func TestMessagesThatAreTooLargeEndTheConnection(t *testing.T) {
	c := against(t, func(s *socket) {
		m := s.expect("echo")
		s.send(response(m, `"`+strings.Repeat("x", 127<<10)+`"`))
		s.expect("echo")
		s.sendText(strings.Repeat("x", 129<<10))
		s.untilGone()
	}, func(s *socket) {
		s.send(response(s.expect("echo"), `"again"`))
		s.untilGone()
	})
	if raw, err := c.Call(t.Context(), "echo", nil); err != nil || len(raw) != 127<<10+2 {
		t.Errorf("got %d bytes, %v", len(raw), err)
	}
	if raw, err := c.Call(t.Context(), "echo", nil); err != nil || string(raw) != `"again"` {
		t.Errorf("got %s, %v", raw, err)
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
	expired := with(func(r *protocol.Ref) { r.URL = files.URL + "/expired?signature=secret" })
	for name, c := range map[string]struct {
		links []protocol.Ref // that of the end, and those of the answers to get
		want  string         // empty: the result
	}{
		"there":                  {[]protocol.Ref{good}, ""},
		"expired":                {[]protocol.Ref{expired, good}, ""},
		"expired, and once more": {[]protocol.Ref{expired, expired, good}, ""},
		"gone":                   {[]protocol.Ref{with(func(r *protocol.Ref) { r.URL = files.URL + "/gone?signature=secret" })}, "its link answered with status 404"},
		"too long":               {[]protocol.Ref{with(func(r *protocol.Ref) { r.Size-- })}, "19 bytes of 18"},
		"too short":              {[]protocol.Ref{with(func(r *protocol.Ref) { r.Size++ })}, "19 bytes of 20"},
		"another":                {[]protocol.Ref{with(func(r *protocol.Ref) { r.SHA256 = strings.Repeat("0", 64) })}, "not what was stored"},
		"not reachable":          {[]protocol.Ref{with(func(r *protocol.Ref) { r.URL = "http://127.0.0.1:1/?signature=secret" })}, "fetch the result: dial tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			links := c.links
			next := func() *protocol.Ref {
				link := links[0]
				links = links[min(1, len(links)-1):]
				return &link
			}
			quick := defaultTiming
			quick.backoff = time.Millisecond
			client := connect(t, serve(t, func(s *socket) {
				m := s.expect("echo_async")
				end := complete("", 11, "null")
				end.ResultRef = next()
				s.send(accepted(m), end)
				for {
					m, ok := s.next()
					if !ok {
						return
					}
					s.send(protocol.Request{Answer: protocol.Answer{ID: m.ID}, RequestID: requestID, Status: protocol.Completed, ResultRef: next()})
				}
			}), &Options{timing: quick})
			out, err := submit(t, client).Result(t.Context())
			if c.want == "" && (err != nil || out.Message != "large") {
				t.Errorf("got %+v, %v", out, err)
			}
			e, unreachable := errors.AsType[*Error](err)
			if c.want != "" && (!unreachable || e.Code != CodeUnreachable || !e.Retryable || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %v", err)
			}
		})
	}
}
