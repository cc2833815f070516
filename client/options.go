package client

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"
)

// Options are the settings of a client. The zero value, and nil, are the defaults: no
// token, which only a stage that lets everyone in accepts.
type Options struct {
	// Token gives the JWT of a handshake; StaticToken makes one of a string. It is asked
	// before each handshake, and before the token of the connection runs out: one that is
	// near its end is best not given again. An error is tried again, as a handshake that
	// fails is; an *Error that is not Retryable, since the user signed out for instance,
	// ends the client. User and tenant come from the token and from nowhere else.
	Token func(ctx context.Context) (string, error)
	// TokenIn says how the token travels. The default, InHeader, is right wherever the
	// network in between passes headers on.
	TokenIn TokenIn
	// HTTPClient makes the handshakes, uploads the payloads and fetches the results that
	// are too large for a frame. Defaults to http.DefaultClient.
	HTTPClient *http.Client
	// Logger hears of connections that come and go at level info, of frames of unknown
	// types at level debug, and of what is no frame at all as a warning. Defaults to none.
	Logger *slog.Logger
	// PingInterval is after how long a silence the client pings, so that API Gateway does
	// not close the connection as idle after 10 minutes (API Gateway developer guide,
	// "Quotas for configuring and running a WebSocket API"). Defaults to 4 minutes, at
	// most 9, at least a second; while something is waited for it is a minute, if that is
	// less.
	PingInterval time.Duration
	// Lifetime is the age at which a connection is replaced, less a random tenth. Defaults
	// to 110 minutes, at most that, as API Gateway closes one after 2 hours. Make it less,
	// at least a second, where a proxy in between closes connections sooner.
	Lifetime time.Duration
	// GiveUpAfter ends the client once there was no connection for so long, at least a
	// second. The default, zero, is never.
	GiveUpAfter time.Duration

	timing timing
	now    func() time.Time // the wall clock
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

const (
	// maxPingInterval leaves a ping a minute to arrive.
	maxPingInterval = 9 * time.Minute
	// least is what a time is at least that is not the default: less is a number without
	// its unit, and would be a storm.
	least = time.Second
)

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
	if out.now == nil {
		out.now = time.Now
	}
	if out.timing == (timing{}) {
		out.timing = defaultTiming
	}
	if out.PingInterval != 0 {
		out.timing.ping = out.PingInterval
		out.timing.busyPing = min(out.PingInterval, out.timing.busyPing)
	}
	if out.Lifetime != 0 {
		out.timing.life = out.Lifetime
	}
	return out
}

func (o Options) validate() error {
	for _, field := range []struct {
		name        string
		value, most time.Duration
	}{
		{"PingInterval", o.PingInterval, maxPingInterval},
		{"Lifetime", o.Lifetime, defaultTiming.life},
		{"GiveUpAfter", o.GiveUpAfter, 1<<63 - 1},
	} {
		if field.value != 0 && (field.value < least || field.value > field.most) {
			return fmt.Errorf("options: %s is %s, not %s to %s", field.name, field.value, least, field.most)
		}
	}
	return nil
}
