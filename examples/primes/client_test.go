package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/primes/primes"
	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/client/conformance"
	"github.com/pay-theory/streamer/protocol"
)

// The Go SDK in a module that is not Streamer's own: it submits, loses its connection twenty
// times, and has the typed result.
func TestClient(t *testing.T) {
	t.Parallel()
	handler, err := conformance.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(handler.Close)
	c, err := client.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/run/twenty_cuts/once", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	work := streamer.Action[primes.CountIn, int]{Name: "work", Async: true} // the only one that this server plays
	run, err := client.Submit(t.Context(), c, work, primes.CountIn{UpTo: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[protocol.Status]int{}
	for update, err := range run.Updates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count[update.Status]++
	}
	if out, err := run.Result(t.Context()); err != nil || out != 1 {
		t.Errorf("got %d, %v", out, err)
	}
	if count[protocol.Pending] != 1 || count[protocol.Retrying] != 1 || count[protocol.Completed] != 1 {
		t.Errorf("got %v", count)
	}
}
