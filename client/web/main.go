// Command web serves one page for a browser: the user's requests with live bars, and buttons
// that start the sample actions. The page speaks only the protocol, by the TypeScript SDK in
// client/ts; this program gives it files and a token, and takes no part in what it does.
//
//	go run ./client/web                            # STREAMER_WS_URL, STREAMER_TOKEN
//	go run ./client/web -token-command "print one" # a fresh token whenever the page asks
package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/pay-theory/streamer/internal/localpage"
)

//go:embed page
var files embed.FS

// site is what the page is given.
type site struct {
	socket string // the stage's address
	token  func(ctx context.Context) (string, error)
	sdk    string // the folder of the TypeScript SDK, built
	listen net.Listener
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	url := flag.String("url", "", "the stage's WebSocket `address`; STREAMER_WS_URL by default")
	command := flag.String("token-command", "", "a `command` that prints a token; without it, STREAMER_TOKEN is the token")
	port := flag.Int("port", 0, "the page's port on this machine; 0 takes a free one")
	sdk := flag.String("sdk", "client/ts/dist", "the folder of the TypeScript SDK, built")
	flag.Parse()
	s, err := newSite(ctx, cmp.Or(*url, os.Getenv("STREAMER_WS_URL")), *command, *port, *sdk)
	if err != nil {
		return err
	}
	fmt.Printf("The page is at %s until Ctrl-C.\n", s.address())
	return localpage.Serve(ctx, s.listen, s.handler())
}

func newSite(ctx context.Context, socket, command string, port int, sdk string) (*site, error) {
	s := &site{socket: socket, sdk: sdk, token: func(context.Context) (string, error) { return os.Getenv("STREAMER_TOKEN"), nil }}
	if words := strings.Fields(command); len(words) > 0 {
		s.token = func(ctx context.Context) (string, error) {
			out, err := exec.CommandContext(ctx, words[0], words[1:]...).Output()
			if err != nil {
				return "", fmt.Errorf("run %s for a token: %w", words[0], err)
			}
			return strings.TrimSpace(string(out)), nil
		}
	}
	if socket == "" {
		return nil, errors.New("no address: set STREAMER_WS_URL or give -url")
	}
	if _, err := os.Stat(filepath.Join(sdk, "index.js")); err != nil {
		return nil, fmt.Errorf("find the TypeScript SDK: %w: run npm --prefix client/ts run build", err)
	}
	listener, err := localpage.Listen(ctx, port)
	if err != nil {
		return nil, err
	}
	s.listen = listener
	return s, nil
}

func (s *site) address() string { return "http://" + s.listen.Addr().String() }

func (s *site) handler() http.Handler {
	static, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the folder is in the program
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(static))
	mux.Handle("GET /sdk/", http.StripPrefix("/sdk/", http.FileServer(http.Dir(s.sdk))))
	mux.HandleFunc("GET /session", s.session)
	return ownOnly(s.listen.Addr().String(), mux)
}

// ownOnly refuses requests for another host: a page elsewhere could have its visitor's
// browser send them, under a name that leads here, and read the token.
func ownOnly(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host {
			http.Error(w, "open this page as http://"+host, http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; connect-src *; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// session is the stage's address, and a token for it.
func (s *site) session(w http.ResponseWriter, r *http.Request) {
	token, err := s.token(r.Context())
	if r.Context().Err() != nil {
		return // whoever asked is gone
	}
	if err != nil {
		slog.Error("no token", "error", err)
		http.Error(w, "no token: see the terminal", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(map[string]string{"url": s.socket, "token": token}); err != nil {
		slog.Warn("an answer was not taken", "error", err)
	}
}
