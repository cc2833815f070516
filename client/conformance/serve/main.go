// Serve runs the conformance server for tests that are not written in Go, with the local
// stage's front before it: it prints the addresses of both on a line, as HOST:PORT, the
// server's first, and ends with its input.
package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"

	"github.com/pay-theory/streamer/client/conformance"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	handler, err := conformance.NewServer()
	if err != nil {
		return err
	}
	defer handler.Close()
	server := httptest.NewServer(handler)
	defer server.Close()
	upstream, err := url.Parse(server.URL)
	if err != nil {
		return err
	}
	gateway := httptest.NewServer(front.New(upstream, nil, nil, slog.New(slog.DiscardHandler)))
	defer gateway.Close()
	fmt.Println(upstream.Host, gateway.Listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
	return nil
}
