package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// maxRead is the largest message that API Gateway passes on, in bytes.
const maxRead = 128 * 1024

// Dial connects to a stage, and returns once it is connected, or the first attempt failed:
// what a program wants that somebody looks at. The address is the stage's output
// WebSocketUrl, or STREAMER_WS_URL. ctx bounds the handshake; from then on the client
// connects again by itself, until it is closed. A stage that refuses gives a
// *HandshakeError; no error has the token in it.
func Dial(ctx context.Context, address string, options *Options) (*Client, error) {
	c, err := newClient(address, options)
	if err != nil {
		return nil, err
	}
	conn, err := c.open(ctx)
	if err != nil {
		return nil, cause(err)
	}
	c.start(context.WithoutCancel(ctx), conn)
	return c, nil
}

// Connect returns a client that connects in the background, again and again until it is
// closed: what a service wants that must start, and go on, while the stage is away.
// Whoever calls it meanwhile waits. The error is that of an address that is no WebSocket's
// URL, or of options that are out of their bounds.
func Connect(address string, options *Options) (*Client, error) {
	c, err := newClient(address, options)
	if err != nil {
		return nil, err
	}
	c.start(context.Background(), nil)
	return c, nil
}

func newClient(address string, options *Options) (*Client, error) {
	o := options.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("connect: the address is no URL: %w", reason(err))
	}
	if !slices.Contains([]string{"wss", "ws", "https", "http"}, u.Scheme) || u.Host == "" {
		return nil, errors.New("connect: the address is none of a WebSocket: give the stage's WebSocketUrl, from wss:// on")
	}
	return &Client{
		options: o, timing: o.timing, log: o.Logger, now: o.now, address: u,
		name: rand.Text()[:8], done: make(chan struct{}), changed: make(chan struct{}),
		state: State{Phase: Connecting, Since: time.Now()}, version: 1,
		asks: map[string]*ask{}, requests: map[string]*request{}, early: map[string]protocol.Frame{},
	}, nil
}

// place is the address without its query, which may have a token in it.
func (c *Client) place() string {
	return (&url.URL{Scheme: c.address.Scheme, Host: c.address.Host, Path: c.address.Path}).String()
}

// shake makes a handshake with a token.
func (c *Client) shake(ctx context.Context, token string) (*websocket.Conn, error) {
	address := *c.address
	handshake := &websocket.DialOptions{HTTPClient: c.options.HTTPClient, Subprotocols: []string{protocol.Subprotocol}}
	switch {
	case token == "":
	case c.options.TokenIn == InSubprotocol:
		handshake.Subprotocols = append(handshake.Subprotocols, protocol.SubprotocolBearer+token)
	case c.options.TokenIn == InQuery:
		query := address.Query()
		query.Set("token", token)
		address.RawQuery = query.Encode()
	default:
		handshake.HTTPHeader = http.Header{"Authorization": {"Bearer " + token}}
	}
	ws, answer, err := websocket.Dial(ctx, address.String(), handshake)
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, &HandshakeError{URL: c.place(), Status: answer.StatusCode}
		}
		return nil, fmt.Errorf("connect to %s: %w", c.place(), reason(err))
	}
	ws.SetReadLimit(maxRead)
	return ws, nil
}

// reason is err without the URL that net/http and net/url write into theirs: the token
// may be in it.
func reason(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}
