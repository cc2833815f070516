package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// maxRead is the largest message that API Gateway passes on, in bytes.
const maxRead = 128 * 1024

// jwt is what a JSON Web Token is made of. Anything else, a line break above all, would
// break the handshake's headers.
var jwt = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Dial connects to a stage. The address is its output WebSocketUrl, or STREAMER_WS_URL.
// ctx bounds the handshake, not the connection: Close ends that. A stage that refuses
// gives a *HandshakeError; no error has the token in it.
func Dial(ctx context.Context, address string, options *Options) (*Client, error) {
	o := options.withDefaults()
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("connect: the address is no URL: %w", reason(err))
	}
	name := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	token, err := o.Token(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: get a token: %w", name, err)
	}
	if token != "" && !jwt.MatchString(token) {
		return nil, fmt.Errorf("connect to %s: the token is no JWT: it has other characters than A-Z, a-z, 0-9, _, - and .", name)
	}
	handshake := &websocket.DialOptions{HTTPClient: o.HTTPClient, Subprotocols: []string{protocol.Subprotocol}}
	place(token, o.TokenIn, u, handshake)
	conn, answer, err := websocket.Dial(ctx, u.String(), handshake)
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, &HandshakeError{URL: name, Status: answer.StatusCode}
		}
		return nil, fmt.Errorf("connect to %s: %w", name, reason(err))
	}
	conn.SetReadLimit(maxRead)
	c := &Client{
		conn: conn, http: o.HTTPClient, log: o.Logger, patience: o.answerTimeout,
		name: rand.Text()[:8], done: make(chan struct{}),
		asks: map[string]*ask{}, requests: map[string]*request{}, early: map[string]protocol.Frame{},
	}
	c.start(context.WithoutCancel(ctx), o.PingInterval)
	return c, nil
}

// place puts the token where it travels.
func place(token string, in TokenIn, u *url.URL, handshake *websocket.DialOptions) {
	switch {
	case token == "":
	case in == InSubprotocol:
		handshake.Subprotocols = append(handshake.Subprotocols, protocol.SubprotocolBearer+token)
	case in == InQuery:
		query := u.Query()
		query.Set("token", token)
		u.RawQuery = query.Encode()
	default:
		handshake.HTTPHeader = http.Header{"Authorization": {"Bearer " + token}}
	}
}

// reason is err without the URL that net/http and net/url write into theirs: the token
// may be in it.
func reason(err error) error {
	if of, ok := errors.AsType[*url.Error](err); ok {
		return of.Err
	}
	return err
}
