// Package front is the only address that functions and clients of the local stage
// see. It stands before the emulator and passes everything on: AWS calls as they
// are (the Host header too, because signatures are computed over it), WebSockets
// by relaying them message by message, which lets the front behave as API Gateway
// does where the emulator does not.
//
// # Design
//
// AWS calls go through an ordered chain of small middlewares, listed in New;
// whatever is to look at, hold back or falsify calls is one more of them. WebSocket
// messages go through relay, one function for both directions.
package front

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"
)

// Front is the handler that stands before an emulator. It is safe for concurrent
// use.
type Front struct {
	upstream  *url.URL
	transport *http.Transport
	log       *slog.Logger
	owns      func(pid int) bool
	calls     counter
	faults    faults
	limits    limitTable
	keys      keySet
	handler   http.Handler
}

// New returns a front before the emulator at upstream (scheme and host only). Faults may
// kill and stop the processes that owns tells are the stage's functions; none if it is
// nil. The key set is what the stage's issuer publishes.
func New(upstream *url.URL, owns func(pid int) bool, keys json.RawMessage, log *slog.Logger) *Front {
	f := &Front{upstream: upstream, owns: owns, log: log, keys: keySet{own: keys}}
	f.transport = &http.Transport{
		DisableCompression:  true, // it would add a header to what was signed
		MaxIdleConnsPerHost: 256,
		// Sooner than the emulator's 75 s, so that no call meets a closing connection.
		IdleConnTimeout: 30 * time.Second,
	}
	aws := chain(f.proxy(),
		f.countCalls,
		f.injectFaults,
		limitPosts,
	)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_front/health", serveHealth)
	mux.HandleFunc("GET /_front/calls", f.calls.serve)
	mux.HandleFunc("DELETE /_front/calls", f.calls.serveReset)
	for _, set := range []string{"", "/{set}"} {
		mux.HandleFunc("GET /_front/faults"+set, f.faults.serveGet)
		mux.HandleFunc("PUT /_front/faults"+set, f.faults.servePut)
	}
	mux.HandleFunc("DELETE /_front/faults", f.faults.serveClear)
	mux.HandleFunc("DELETE /_front/faults/{set}", f.faults.serveDelete)
	mux.HandleFunc("PUT /_front/limits", f.limits.servePut)
	mux.HandleFunc("DELETE /_front/limits", f.limits.serveClear)
	mux.HandleFunc("GET "+KeysPath, f.keys.serveGet)
	mux.HandleFunc("PUT "+KeysPath, f.keys.servePut)
	mux.HandleFunc("DELETE "+KeysPath, f.keys.serveDelete)
	f.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/_front/"):
			mux.ServeHTTP(w, r)
		case isWebSocket(r):
			f.serveWebSocket(w, r)
		default:
			aws.ServeHTTP(w, r)
		}
	})
	return f
}

// ServeHTTP passes one call, or one WebSocket for as long as it lives, on to the
// emulator. Paths that begin with /_front/ are the front's own:
//
//	GET /_front/health
//	GET, DELETE /_front/calls          the calls counted, see [Front.Calls]
//	PUT, GET, DELETE /_front/faults    a JSON list of [Rule]; DELETE clears every set
//	PUT, GET, DELETE /_front/faults/x  the same for a set x, beside the others
//	PUT, DELETE /_front/limits         [Limits] of the WebSockets to come
//	GET, PUT, DELETE /_front/jwks      the JSON Web Key Set of the stage's issuer; DELETE
//	                                   publishes its own key alone again
//
// GET of faults gives the rules with how many calls matched and which met the fault.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.handler.ServeHTTP(w, r) }

// Serve answers on l until ctx ends, then closes every connection, WebSockets too.
func (f *Front) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           f,
		ReadHeaderTimeout: 10 * time.Second,
		// Requests end with ctx; WebSockets have left the server's hands, this ends them.
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return fmt.Errorf("serve the front: %w", err)
	}
	return nil
}

// A middleware sees every AWS call before the next one does.
type middleware func(next http.Handler) http.Handler

// chain puts the middlewares before h, the first one outermost.
func chain(h http.Handler, ms ...middleware) http.Handler {
	for i := len(ms) - 1; i >= 0; i-- {
		h = ms[i](h)
	}
	return h
}

// proxy passes calls on unchanged. It neither compresses nor buffers.
func (f *Front) proxy() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(f.upstream)
			r.Out.Host = r.In.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery
		},
		Transport: f.transport,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				f.log.Error("call not passed on", "method", r.Method, "path", r.URL.Path, "err", err)
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

func serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintln(w, `{"status":"ok"}`)
}
