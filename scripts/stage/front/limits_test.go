package front

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

func TestSizesOfClientMessages(t *testing.T) {
	tests := []struct {
		name   string
		frames []int
		want   websocket.StatusCode // -1: it passes
	}{
		{"largest frame", []int{maxFrame}, -1},
		{"frame too large", []int{maxFrame + 1}, websocket.StatusMessageTooBig},
		{"frame far too large", []int{100 << 10}, websocket.StatusMessageTooBig},
		{"largest message", []int{maxFrame, maxFrame, maxFrame, maxFrame}, -1},
		{"message too large", []int{maxFrame, maxFrame, maxFrame, maxFrame, 1}, websocket.StatusMessageTooBig},
		{"second frame too large", []int{10, maxFrame + 1}, websocket.StatusMessageTooBig},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, server := newFront(t, socketUpstream(nil, echo))
			conn, raw := dialRaw(t, server.URL)
			for i, size := range test.frames {
				writeFrame(t, raw, i == 0, i == len(test.frames)-1, size)
			}
			_, message, err := conn.Read(testContext(t))
			if got := websocket.CloseStatus(err); got != test.want {
				t.Errorf("closed with %d (%v), want %d", got, err, test.want)
			}
			if total := sum(test.frames); err == nil && len(message) != total {
				t.Errorf("%d bytes came back of %d", len(message), total)
			}
		})
	}
}

func sum(of []int) (n int) {
	for _, i := range of {
		n += i
	}
	return n
}

// dialRaw opens a WebSocket and hands out its connection too, to write frames on.
func dialRaw(t *testing.T, url string) (*websocket.Conn, net.Conn) {
	t.Helper()
	var raw net.Conn
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var err error
		raw, err = new(net.Dialer).DialContext(ctx, network, addr)
		return raw, err
	}}}
	conn, _, err := websocket.Dial(testContext(t), url+socketPath, &websocket.DialOptions{HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(readLimit)
	return conn, raw
}

// writeFrame writes a frame of a text message, masked with zeros.
func writeFrame(t *testing.T, raw net.Conn, first, last bool, size int) {
	t.Helper()
	var b0 byte
	if first {
		b0 = 0x1
	}
	if last {
		b0 |= 0x80
	}
	frame := []byte{b0}
	switch {
	case size < 126:
		frame = append(frame, 0x80|byte(size))
	case size < 1<<16:
		frame = append(frame, 0x80|126, byte(size>>8), byte(size))
	default:
		frame = append(frame, 0x80|127, 0, 0, 0, 0, 0, byte(size>>16), byte(size>>8), byte(size))
	}
	frame = append(frame, 0, 0, 0, 0)
	frame = append(frame, strings.Repeat("x", size)...)
	if _, err := raw.Write(frame); err != nil {
		t.Fatal(err)
	}
}

func TestMeterTakesBytesAsTheyCome(t *testing.T) {
	var stream []byte
	for _, size := range []int{5, 0, 300, 70_000} {
		n := []byte{0x81, 0x80 | byte(size)}
		switch {
		case size > 1<<16:
			n = []byte{0x81, 0x80 | 127, 0, 0, 0, 0, 0, byte(size >> 16), byte(size >> 8), byte(size)}
		case size > 125:
			n = []byte{0x81, 0x80 | 126, byte(size >> 8), byte(size)}
		}
		stream = append(append(append(stream, n...), 0, 0, 0, 0), make([]byte, size)...)
		stream = append(stream, 0x89, 0x80, 0, 0, 0, 0) // a ping
	}
	for _, piece := range []int{1, 3, 7, 1000, len(stream)} {
		m := &frameMeter{}
		for at := 0; at < len(stream); at += piece {
			m.measure(stream[at:min(at+piece, len(stream))])
		}
		if got := m.largest.Load(); got != 70_000 || m.body != 0 || len(m.header) != 0 {
			t.Errorf("in pieces of %d: largest %d, %d bytes and %d of a header open", piece, got, m.body, len(m.header))
		}
	}
}

func TestIdleAndLifetime(t *testing.T) {
	_, server := newFront(t, socketUpstream(nil, echo))
	for _, l := range []Limits{
		{Match: "limit=idle", IdleMS: 400},
		{Match: "limit=life", LifetimeMS: 700},
		{Match: "", IdleMS: 60_000},
	} {
		if status, answer := control(t, server, "PUT", "/_front/limits", l); status != http.StatusNoContent {
			t.Fatalf("%d %s", status, answer)
		}
	}
	for query, least := range map[string]time.Duration{"?limit=idle": 400 * time.Millisecond, "?limit=life": 700 * time.Millisecond} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, _, err := dial(t, server, query, nil).Read(testContext(t))
			if took := time.Since(start); websocket.CloseStatus(err) != websocket.StatusGoingAway || took < least {
				t.Errorf("after %s: %v", took, err)
			}
		})
	}
}

// What is sent puts off the end of an idle connection, and not that of an old one.
func TestLifetime(t *testing.T) {
	for every, want := range map[time.Duration]time.Duration{
		time.Hour: 10 * time.Minute, 11 * time.Minute: 10 * time.Minute, 9 * time.Minute: 2 * time.Hour,
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			ended := make(chan time.Duration, 1)
			life := newLifetime(Limits{}.withDefaults(), func() { ended <- time.Since(start) })
			defer life.stop()
			for {
				select {
				case <-time.After(every):
					life.touch()
					continue
				case got := <-ended:
					if got != want {
						t.Errorf("with a message every %s it lasts %s, want %s", every, got, want)
					}
				}
				return
			}
		})
	}
}

// What is over the rate is answered as API Gateway answers, and does not arrive; the
// connection stays.
func TestRateOfClientMessages(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(connectionHeader, "c0ffee")
		socketUpstream(nil, func(ctx context.Context, conn *websocket.Conn) {
			for {
				kind, message, err := conn.Read(ctx)
				if err != nil {
					return
				}
				arrived.Add(1)
				_ = conn.Write(ctx, kind, message)
			}
		}).ServeHTTP(w, r)
	}))
	if status, answer := control(t, server, "PUT", "/_front/limits", Limits{Match: "rate", Rate: 1, Burst: 3}); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, answer)
	}
	conn := dial(t, server, "?rate", nil)
	const n = 50
	for range n {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	echoes, refused := 0, map[string]bool{}
	for range n {
		_, message, err := conn.Read(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		if string(message) == "hello" {
			echoes++
			continue
		}
		var answer struct{ Message, ConnectionID, RequestID string }
		if err := json.Unmarshal(message, &answer); err != nil || answer.Message != "Too Many Requests" || answer.ConnectionID != "c0ffee" {
			t.Errorf("got %s", message)
		}
		refused[answer.RequestID] = true
	}
	if echoes < 3 || echoes+len(refused) != n || len(refused) == 0 || int(arrived.Load()) != echoes {
		t.Errorf("of %d messages %d arrived, %d came back and %d were refused", n, arrived.Load(), echoes, len(refused))
	}
}

func TestThrottle(t *testing.T) {
	now := time.Now()
	throttle := newThrottle(Limits{Rate: 2, Burst: 3}, now)
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {0, true}, {0, true}, {0, false},
		{499 * time.Millisecond, false}, {time.Millisecond, true}, {0, false},
		{time.Hour, true}, {0, true}, {0, true}, {0, false}, // no more than the burst is saved up
	} {
		now = now.Add(step.after)
		if got := throttle.allow(now); got != step.want {
			t.Errorf("message %d: %v", i+1, got)
		}
	}
}

func TestLimitsAreValidated(t *testing.T) {
	_, server := newFront(t, http.NotFoundHandler())
	for _, bad := range []any{Limits{IdleMS: -1}, Limits{Rate: -1}, map[string]any{"idle": 1}} {
		if status, _ := control(t, server, "PUT", "/_front/limits", bad); status != http.StatusBadRequest {
			t.Errorf("%+v: %d", bad, status)
		}
	}
}

func TestPostTooLarge(t *testing.T) {
	var arrived atomic.Int32
	_, server := newFront(t, upstreamCounting(&arrived))
	for size, want := range map[int]int{maxPost: 200, maxPost + 1: 413} {
		resp, err := http.Post(server.URL+socketPath+"/@connections/c", "text/plain", strings.NewReader(strings.Repeat("x", size)))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want || want == 413 && resp.Header.Get("X-Amzn-Errortype") != "PayloadTooLargeException" {
			t.Errorf("%d bytes: %s %v", size, resp.Status, resp.Header)
		}
	}
	if n := arrived.Load(); n != 1 {
		t.Errorf("%d posts arrived", n)
	}
}
