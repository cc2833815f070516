package client

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// Options are the settings of Dial. The zero value, and nil, are the defaults: no token,
// which only a stage that lets everyone in accepts.
type Options struct {
	// Token gives the JWT of the handshake; StaticToken makes one of a string. It is
	// called once for each handshake, with Dial's context. User and tenant come from the
	// token and from nowhere else.
	Token func(ctx context.Context) (string, error)
	// TokenIn says how the token travels. The default, InHeader, is right wherever the
	// network in between passes headers on.
	TokenIn TokenIn
	// HTTPClient makes the handshake and fetches the results that are too large for a
	// frame. Defaults to http.DefaultClient.
	HTTPClient *http.Client
	// Logger hears of what was ignored: frames of unknown types at level debug, what is
	// no frame at all as a warning. Defaults to none.
	Logger *slog.Logger
	// PingInterval is how often the client pings, so that API Gateway does not close the
	// connection as idle after 10 minutes (API Gateway developer guide, "Quotas for
	// configuring and running a WebSocket API"). Defaults to 4 minutes. A ping that nobody
	// answers ends the connection.
	PingInterval time.Duration

	answerTimeout time.Duration
}

// TokenIn is a place of the handshake for the token. Streamer takes it from exactly one.
type TokenIn int

const (
	// InHeader sends it as "Authorization: Bearer …".
	InHeader TokenIn = iota
	// InSubprotocol sends it as the subprotocol "streamer.bearer.…", which is how a
	// browser would.
	InSubprotocol
	// InQuery sends it as "?token=…". URLs end up in logs: it is the last resort.
	InQuery
)

const defaultPingInterval = 4 * time.Minute

// StaticToken is the Token of a client that has just one.
func StaticToken(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.Token == nil {
		out.Token = StaticToken("")
	}
	if out.HTTPClient == nil {
		out.HTTPClient = http.DefaultClient
	}
	if out.Logger == nil {
		out.Logger = slog.New(slog.DiscardHandler)
	}
	if out.PingInterval <= 0 {
		out.PingInterval = defaultPingInterval
	}
	if out.answerTimeout == 0 {
		out.answerTimeout = answerTimeout
	}
	return out
}
