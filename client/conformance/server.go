package conformance

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// Server plays cases, each run of one in a world of its own. It is an http.Handler.
type Server struct {
	http.Handler
	cases map[string]Case
	done  context.Context
	stop  context.CancelFunc

	mu   sync.Mutex
	runs map[string]*run
}

// NewServer makes a server of all cases.
func NewServer() (*Server, error) {
	all, err := Cases()
	if err != nil {
		return nil, err
	}
	s := &Server{cases: map[string]Case{}, runs: map[string]*run{}}
	s.done, s.stop = context.WithCancel(context.Background())
	for _, c := range all {
		s.cases[c.Name] = c
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /run/{case}/{name}", s.connect)
	mux.HandleFunc("GET /run/{case}/{name}/report", s.report)
	mux.HandleFunc("PUT /run/{case}/{name}/files/{file}", s.put)
	mux.HandleFunc("GET /run/{case}/{name}/files/{file}", s.get)
	s.Handler = mux
	return s, nil
}

// Close ends every connection and every script.
func (s *Server) Close() { s.stop() }

// run finds the run of a call, and begins it with the first.
func (s *Server) run(w http.ResponseWriter, r *http.Request) *run {
	c, ok := s.cases[r.PathValue("case")]
	if !ok {
		http.NotFound(w, r)
		return nil
	}
	key := c.Name + "/" + r.PathValue("name")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[key] == nil {
		s.runs[key] = newRun(s.done, c, "http://"+r.Host+"/run/"+key+"/files/")
	}
	return s.runs[key]
}

func (s *Server) connect(w http.ResponseWriter, r *http.Request) {
	run := s.run(w, r)
	if run == nil {
		return
	}
	expires := expiry(r)
	if status, refused := run.refusal(expires); status != 0 {
		w.WriteHeader(status)
		return
	} else if refused {
		<-r.Context().Done() // until the client gives up
		return
	}
	taken := &tapped{ResponseWriter: w}
	ws, err := websocket.Accept(taken, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer func() { _ = ws.CloseNow() }()
	ws.SetReadLimit(protocol.MaxFrame)
	ctx, cancel := context.WithCancel(s.done)
	defer cancel()
	c := &connection{ws: ws, tcp: taken.conn, ctx: ctx, expires: expires}
	run.open(c)
	defer run.close(c)
	for {
		_, message, err := ws.Read(ctx)
		if err != nil {
			return
		}
		run.take(c, message)
	}
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	run := s.run(w, r)
	if run == nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(run.reported()) // a client that is gone needs no answer
}

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	run := s.run(w, r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, protocol.MaxUpload))
	if run == nil || err != nil || !run.keep(r.PathValue("file"), body) {
		w.WriteHeader(http.StatusForbidden)
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	run := s.run(w, r)
	if run == nil {
		return
	}
	file, ok := run.fetch(r.PathValue("file"))
	if !ok {
		w.WriteHeader(http.StatusForbidden) // S3's word for a link that has run out
		return
	}
	_, _ = w.Write(file)
}

// expiry reads when the token of a handshake runs out; never if it has none that says so.
func expiry(r *http.Request) time.Time {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	for p := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if t, ok := strings.CutPrefix(strings.TrimSpace(p), protocol.SubprotocolBearer); ok {
			token = t
		}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Unix(1<<40, 0)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil || claims.Exp == 0 {
		return time.Unix(1<<40, 0)
	}
	return time.UnixMilli(int64(claims.Exp * 1000))
}

// connection is the server's end of one.
type connection struct {
	ws      *websocket.Conn
	tcp     net.Conn
	ctx     context.Context
	expires time.Time
	deaf    bool
}

func (c *connection) send(text []byte) {
	if !c.deaf {
		_ = c.ws.Write(c.ctx, websocket.MessageText, text) // a client that is gone comes again
	}
}

// end closes the connection with a code; 1006 is none. It is not reset: that would lose
// what was sent before, now and then, and a case says itself what is lost.
func (c *connection) end(code int) {
	if code == int(websocket.StatusAbnormalClosure) {
		_ = c.tcp.Close()
		return
	}
	_ = c.ws.Close(websocket.StatusCode(code), "")
}

// tapped keeps the connection below a WebSocket, to end it without a close frame.
type tapped struct {
	http.ResponseWriter
	conn net.Conn
}

// Unwrap is for http.ResponseController.
func (t *tapped) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Hijack implements http.Hijacker.
func (t *tapped) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.conn = conn
	return conn, rw, err
}
