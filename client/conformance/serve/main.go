// Serve runs the conformance server for tests that are not written in Go: it prints its
// address, as HOST:PORT, and ends with its input.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/pay-theory/streamer/client/conformance"
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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that matters
		handler.Close()
		_ = listener.Close()
	}()
	_ = http.Serve(listener, handler) // ends with the listener
	return nil
}
