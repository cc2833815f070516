package front

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTraces: the front keeps each document that a function sends to its own address.
func TestTraces(t *testing.T) {
	l, in, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().String() != in.LocalAddr().String() {
		t.Errorf("answers at %s, takes traces at %s", l.Addr(), in.LocalAddr())
	}
	path := filepath.Join(t.TempDir(), "traces.jsonl")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- ServeTraces(ctx, in, path) }()
	out, err := net.Dial("udp", in.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, datagram := range []string{"{\"format\":\"json\",\"version\":1}\n{\"id\":\"a\"}", "no\ntrace\nat all", "nor this"} {
		if _, err := out.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	const want = "{\"id\":\"a\"}\n\"no\\ntrace\\nat all\"\n\"nor this\"\n"
	for {
		got, err := os.ReadFile(path)
		if string(got) == want {
			break
		}
		if err == nil && !strings.HasPrefix(want, string(got)) {
			t.Fatalf("kept %q", got)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestOldTraces: the file does not grow without end.
func TestOldTraces(t *testing.T) {
	l, in, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := filepath.Join(t.TempDir(), "traces.jsonl")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- keepTraces(ctx, in, path, 20) }()
	out, err := net.Dial("udp", in.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, document := range []string{"first", "second", "third"} {
		if _, err := out.Write([]byte("{}\n" + document)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		got, err := os.ReadFile(path)
		if err == nil && string(got) == "third\n" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if old, err := os.ReadFile(path + ".old"); err != nil || string(old) != "first\nsecond\n" {
		t.Errorf("before it %q, %v", old, err)
	}
}
