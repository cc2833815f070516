package front

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// readLimit is how many bytes of one message the front takes, either way.
const readLimit = 1 << 20

// isWebSocket tells the opening handshake of a WebSocket.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// serveWebSocket opens the WebSocket upstream first: whoever is refused there gets
// that same answer here. The subprotocol is what upstream chose, so the $connect
// function decides it, as on API Gateway.
func (f *Front) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()

	target := *r.URL
	target.Scheme, target.Host = "ws", f.upstream.Host
	upstream, resp, err := websocket.Dial(ctx, target.String(), &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: f.transport},
		Host:         r.Host,
		HTTPHeader:   handshakeHeader(r.Header),
		Subprotocols: offered(r.Header),
	})
	if err != nil {
		f.refuse(w, r, resp, err)
		return
	}
	defer func() { _ = upstream.CloseNow() }()

	var chosen []string
	if p := upstream.Subprotocol(); p != "" {
		chosen = []string{p}
	}
	taken := &metered{ResponseWriter: w}
	client, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		Subprotocols:       chosen,
		InsecureSkipVerify: true, // API Gateway leaves the origin to the authorizer
	})
	if err != nil { // Accept has answered already
		f.log.Warn("handshake not accepted", "path", r.URL.Path, "err", err)
		return
	}
	defer func() { _ = client.CloseNow() }()
	client.SetReadLimit(readLimit)
	upstream.SetReadLimit(readLimit)

	limits := f.limits.of(r.RequestURI)
	life := newLifetime(limits, func() { goAway(client, upstream) })
	defer life.stop()
	pace := newThrottle(limits, time.Now())
	done := make(chan struct{}, 2)
	go func() {
		relay(ctx, upstream, client, func(message []byte) error {
			life.touch()
			if len(message) > limits.Message || taken.meter.largest.Load() > uint64(limits.Frame) {
				return websocket.CloseError{Code: websocket.StatusMessageTooBig, Reason: "Message too long"}
			}
			if !pace.allow(time.Now()) {
				return answered(ctx, client, tooManyRequests(resp.Header.Get(connectionHeader)))
			}
			return f.cut(ClientMessage, taken.meter, r, message)
		})
		done <- struct{}{}
	}()
	go func() {
		relay(ctx, client, upstream, func(message []byte) error {
			life.touch()
			return f.cut(ServerMessage, taken.meter, r, message)
		})
		done <- struct{}{}
	}()
	<-done // one side is closed and the other told so
	cancel()
	<-done
}

// errCut says that a fault cut the connection.
var errCut = errors.New("cut")

// cut resets the client's connection if a rule says so.
func (f *Front) cut(op string, conn *frameMeter, r *http.Request, message []byte) error {
	if !f.faults.wants(op) {
		return nil
	}
	if fault := f.faults.match(op, func() string { return "" }, r.RequestURI, string(message)); fault == nil {
		return nil
	}
	abort(conn.Conn)
	return errCut
}

// goAway closes both sides as API Gateway does when a connection's time is up.
func goAway(client, upstream *websocket.Conn) {
	_ = client.Close(websocket.StatusGoingAway, "Going away") // it may be closed already
	_ = upstream.CloseNow()
}

// lifetime ends a connection that is idle or old.
type lifetime struct {
	idle  time.Duration
	timer *time.Timer
	end   *time.Timer
}

func newLifetime(l Limits, end func()) *lifetime {
	idle := time.Duration(l.IdleMS) * time.Millisecond
	return &lifetime{
		idle:  idle,
		timer: time.AfterFunc(idle, end),
		end:   time.AfterFunc(time.Duration(l.LifetimeMS)*time.Millisecond, end),
	}
}

func (l *lifetime) touch() { l.timer.Reset(l.idle) }

func (l *lifetime) stop() {
	l.timer.Stop()
	l.end.Stop()
}

// refuse answers a handshake as upstream answered it.
func (f *Front) refuse(w http.ResponseWriter, r *http.Request, resp *http.Response, err error) {
	if resp == nil || resp.StatusCode == http.StatusSwitchingProtocols {
		f.log.Error("handshake not passed on", "path", r.URL.Path, "err", err)
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	if kind := resp.Header.Get("Content-Type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	w.WriteHeader(resp.StatusCode)
	if resp.Body != nil {
		_, _ = io.Copy(w, resp.Body) // a client that is gone needs no answer
	}
}

// answered sends a client the answer to its message; the error is errAnswered then.
func answered(ctx context.Context, client *websocket.Conn, frame []byte) error {
	if err := client.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	return errAnswered
}

// relay passes messages from src on to dst, unchanged and in order, until src is
// closed or look refuses one; then it closes dst the same way. What look refuses with a
// CloseError closes src too; what it says is answered goes no further.
func relay(ctx context.Context, dst, src *websocket.Conn, look func(message []byte) error) {
	for {
		kind, message, err := src.Read(ctx)
		if err == nil {
			err = look(message)
			if errors.Is(err, errAnswered) {
				continue
			}
			if refused, ok := errors.AsType[websocket.CloseError](err); ok {
				_ = src.Close(refused.Code, refused.Reason) // it may be closed already
			}
		}
		if err == nil {
			if err = dst.Write(ctx, kind, message); err == nil {
				continue
			}
		}
		if closed, ok := errors.AsType[websocket.CloseError](err); ok {
			_ = dst.Close(closed.Code, closed.Reason) // it may be closed already
		} else {
			_ = dst.CloseNow()
		}
		return
	}
}

// offered returns the subprotocols that a client offers, in its order.
func offered(h http.Header) []string {
	var protocols []string
	for _, line := range h.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if p = strings.TrimSpace(p); p != "" {
				protocols = append(protocols, p)
			}
		}
	}
	return protocols
}

// handshakeHeader returns the client's headers without those of its own connection,
// which the handshake upstream makes anew.
func handshakeHeader(h http.Header) http.Header {
	out := h.Clone()
	for _, name := range []string{
		"Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
		"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol",
	} {
		out.Del(name)
	}
	if out.Get("User-Agent") == "" {
		out.Set("User-Agent", "") // net/http would add its own
	}
	return out
}
