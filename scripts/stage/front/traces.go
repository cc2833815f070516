package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
)

// maxTraces is how large a file of traces gets before a new one is begun, in bytes.
const maxTraces = 64 << 20

// Listen returns what the front answers on, and what it takes traces on, at the same
// address: so whoever knows the one knows the other.
func Listen() (net.Listener, net.PacketConn, error) {
	var failed error
	for range 10 { // the port may be free for one of them alone
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, fmt.Errorf("listen: %w", err)
		}
		traces, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return l, traces, nil
		}
		failed = errors.Join(err, l.Close())
	}
	return nil, nil, fmt.Errorf("listen for traces: %w", failed)
}

// ServeTraces is the X-Ray daemon of the stage's functions, until ctx ends: each document
// that it gets is a line of the file at path. With a second file, at path + ".old", the
// newest 64 MB are there.
func ServeTraces(ctx context.Context, in net.PacketConn, path string) error {
	return keepTraces(ctx, in, path, maxTraces)
}

func keepTraces(ctx context.Context, in net.PacketConn, path string, most int) error {
	stop := context.AfterFunc(ctx, func() { _ = in.Close() })
	defer stop()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("keep traces: %w", err)
	}
	defer func() { _ = file.Close() }() // each line is written by then
	datagram, size := make([]byte, 64<<10), 0
	for {
		n, _, err := in.ReadFrom(datagram)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take traces: %w", err)
		}
		_, document, whole := bytes.Cut(datagram[:n], []byte("\n"))
		if !whole || bytes.ContainsRune(document, '\n') {
			document = []byte(strconv.Quote(string(datagram[:n]))) // not of ours: to be looked at
		}
		if size += n; size > most {
			size = n
			if err := os.Rename(path, path+".old"); err != nil {
				return fmt.Errorf("keep traces: %w", err)
			}
			_ = file.Close() // as above
			if file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
				return fmt.Errorf("keep traces: %w", err)
			}
		}
		if _, err := file.Write(append(document, '\n')); err != nil {
			return fmt.Errorf("keep traces: %w", err)
		}
	}
}
