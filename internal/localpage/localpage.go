// Package localpage serves a page of a developer's program to a browser on this machine.
package localpage

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Listen opens a port of this machine alone; 0 takes a free one.
func Listen(ctx context.Context, port int) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("open a port: %w", err)
	}
	return listener, nil
}

// Serve answers on a listener until ctx ends.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve the page: %w", err)
	case <-ctx.Done():
		return server.Close()
	}
}
