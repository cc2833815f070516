package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/internal/cost"
)

// usual is what the bill is for if nothing else is said.
var usual = cost.Workload{Duration: 10 * time.Second, Frames: 20, Watchers: 1, Payload: 150, Result: 300, MemoryMB: 1024, Queues: 1, Actions: 3, Rate: 10}

// The README names the sums.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	request := func(w cost.Workload) float64 { return w.Request().Times("", million).Total() }
	large := usual
	large.MemoryMB *= 2
	handler := request(large) - request(usual)
	for _, want := range []string{
		fmt.Sprintf("$%.0f beside the $%.0f of the handler's own compute", request(usual)-handler, handler),
		fmt.Sprintf("$%.2f a month", usual.Idle().Total()),
		fmt.Sprintf("$%.0f more for metrics", usual.Use().Total()),
	} {
		if !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not say %q", want)
		}
	}
}

func TestRun(t *testing.T) {
	w := usual
	var out bytes.Buffer
	if err := run(w, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1,000,000 requests ", "1,000 connections for an hour", "a month in which nothing happens", "a month in which something happens, beside", "Assumed:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the bill lacks %q", want)
		}
	}
	for what, spoil := range map[string]func(*cost.Workload){
		"a processor without memory": func(w *cost.Workload) { w.MemoryMB = 0 },
		"more than all traces":       func(w *cost.Workload) { w.Traces = 101 },
		"a third limit":              func(w *cost.Workload) { w.Ledgers = 3 },
	} {
		spoilt := w
		spoil(&spoilt)
		if err := run(spoilt, &out); err == nil {
			t.Errorf("%s has a bill", what)
		}
	}
}
