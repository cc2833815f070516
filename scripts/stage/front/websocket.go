package front

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

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
	client, err := websocket.Accept(w, r, &websocket.AcceptOptions{
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

	done := make(chan struct{}, 2)
	go func() { relay(ctx, upstream, client); done <- struct{}{} }()
	go func() { relay(ctx, client, upstream); done <- struct{}{} }()
	<-done // one side is closed and the other told so
	cancel()
	<-done
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

// relay passes messages from src on to dst, unchanged and in order, until src is
// closed; then it closes dst the same way.
func relay(ctx context.Context, dst, src *websocket.Conn) {
	for {
		kind, message, err := src.Read(ctx)
		if err == nil {
			err = dst.Write(ctx, kind, message)
			if err == nil {
				continue
			}
		}
		var closed websocket.CloseError
		if errors.As(err, &closed) {
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
