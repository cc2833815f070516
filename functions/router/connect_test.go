package router_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

func TestConnect(t *testing.T) {
	w := open(t)
	got := w.invoke(t, t.Context(), event(t, "connect"))
	if got.StatusCode != 200 || got.Body != "" || !maps.Equal(got.Headers, map[string]string{"Sec-WebSocket-Protocol": "streamer.v1"}) {
		t.Errorf("answered %+v", got)
	}
	want := store.Connection{
		ID: connectionID, UserKey: "T#acme#U#ann", Tenant: "acme", User: "ann", ConnectedAt: start.UnixMilli(),
		TokenExpires: 1_768_860_806, ExpiresAt: 1_768_860_806 + 15*60,
	}
	if w.connections.rows[connectionID] != want || len(w.posted.posts) != 0 || w.metrics.Sums()["Connected"] != 1 || strings.Count(w.log.String(), "\n") != 1 {
		t.Errorf("stored %+v, posted %v, metrics %v, log %s", w.connections.rows, w.posted.posts, w.metrics.Sums(), w.log)
	}
}

// A connection is in the table for the three runs of the reconciler after its token's end,
// which closes it.
func TestAConnectionIsForgottenAfterItsTokenOrTwoHours(t *testing.T) {
	for expires, want := range map[time.Duration]time.Duration{
		time.Minute: 16 * time.Minute, 110 * time.Minute: 2*time.Hour + 5*time.Minute, 24 * time.Hour: 2*time.Hour + 5*time.Minute,
	} {
		w := open(t)
		ev := event(t, "connect")
		ev.RequestContext.Authorizer.(map[string]any)["exp"] = fmt.Sprint(start.Add(expires).Unix())
		w.invoke(t, t.Context(), ev)
		if row := w.connections.rows[connectionID]; row.TokenExpires != start.Add(expires).Unix() || row.ExpiresAt != start.Add(want).Unix() {
			t.Errorf("a token for %s: %+v", expires, row)
		}
	}
}

func TestSubprotocols(t *testing.T) {
	for offered, echoed := range map[string]bool{
		"": false, "streamer.v1": true, "streamer.v1, streamer.bearer.abc": true, "streamer.bearer.abc,streamer.v1": true,
		"streamer.v2": false, "Streamer.v1": false, "streamer.bearer.abc": false, "xstreamer.v1": false,
	} {
		for _, name := range []string{"Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"} {
			w := open(t)
			ev := event(t, "connect")
			ev.MultiValueHeaders, ev.Headers = nil, map[string]string{name: offered}
			got := w.invoke(t, t.Context(), ev)
			if got.StatusCode != 200 || (got.Headers["Sec-WebSocket-Protocol"] == "streamer.v1") != echoed || strings.Contains(fmt.Sprint(got.Headers), "bearer") {
				t.Errorf("%s: %q is answered with %+v", name, offered, got)
			}
			if strings.Contains(w.log.String(), "abc") {
				t.Errorf("a token stands in the log: %s", w.log)
			}
		}
	}
}

func TestConnectWithoutIdentityIsRefused(t *testing.T) {
	good := event(t, "connect").RequestContext.Authorizer.(map[string]any)
	without := func(name string, value any) map[string]any {
		claims := maps.Clone(good)
		claims[name] = value
		return claims
	}
	for name, c := range map[string]struct {
		claims any
		why    string // what the log names, for those who have an authorizer of their own
	}{
		"no context":              {nil, `\"sub\"`},
		"empty":                   {map[string]any{}, `\"sub\"`},
		"text":                    {"ann", `\"sub\"`},
		"no sub":                  {without("sub", nil), `\"sub\"`},
		"empty sub":               {without("sub", ""), `\"sub\"`},
		"sub is a number":         {without("sub", 7), `\"sub\"`},
		"sub with a line end":     {without("sub", "ann\n"), `\"sub\"`},
		"sub of 129":              {without("sub", strings.Repeat("s", 129)), `\"sub\"`},
		"no tenant":               {without("tenant", nil), `\"tenant\"`},
		"empty tenant":            {without("tenant", ""), `\"tenant\"`},
		"tenant is a list":        {without("tenant", []string{"acme"}), `\"tenant\"`},
		"tenant in another's key": {without("tenant", "acme#R#01JGH000000000000000000001"), `\"tenant\"`},
		"tenant of 65":            {without("tenant", strings.Repeat("t", 65)), `\"tenant\"`},
		"no exp":                  {without("exp", nil), `\"exp\"`},
		"exp is a number":         {without("exp", 1_768_860_806), `\"exp\"`},
		"exp is a word":           {without("exp", "never"), `\"exp\"`},
		"exp is huge":             {without("exp", "9223372036854775807"), "has run out"},
		"exp is now":              {without("exp", "1768857208"), "has run out"},
		"expired":                 {without("exp", "1768857200"), "has run out"},
	} {
		w := open(t)
		ev := event(t, "connect")
		ev.RequestContext.Authorizer = c.claims
		if got := w.invoke(t, t.Context(), ev); got.StatusCode != 401 || got.Body != "" || len(w.connections.rows) != 0 || !maps.Equal(w.metrics.Sums(), map[string]int{"ConnectsRefused UNAUTHENTICATED": 1}) {
			t.Errorf("%s: answered %+v, stored %v", name, got, w.connections.rows)
		}
		if !strings.Contains(w.log.String(), c.why) {
			t.Errorf("%s: the log does not say %s: %s", name, c.why, w.log)
		}
	}
}

// TestConnectSignedWithIAM has the identity as API Gateway's documents give it.
func TestConnectSignedWithIAM(t *testing.T) {
	const role, pool = "AROAEXAMPLEEXAMPLE123", "eu-west-1:0f3f1d2e-1111-2222-3333-444455556666"
	for name, c := range map[string]struct {
		caller events.APIGatewayRequestIdentity
		iam    contract.IAM
		want   string // tenant and user; empty: refused
	}{
		"a user":           {events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: "AIDAEXAMPLE", UserArn: "arn:aws:iam::123456789012:user/ann"}, contract.IAM{}, "123456789012 AIDAEXAMPLE"},
		"a role":           {events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: role + ":reports", User: role + ":reports"}, contract.IAM{}, "123456789012 " + role + ":reports"},
		"another account":  {events.APIGatewayRequestIdentity{AccountID: "210987654321", Caller: role + ":reports"}, contract.IAM{}, "210987654321 " + role + ":reports"},
		"one tenant":       {events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: role + ":reports"}, contract.IAM{Tenant: "acme"}, "acme " + role + ":reports"},
		"an identity pool": {events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: role + ":CognitoIdentityCredentials", CognitoIdentityID: pool}, contract.IAM{}, "123456789012 " + pool},
		"a pool, unnamed":  {events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: role + ":CognitoIdentityCredentials"}, contract.IAM{}, ""},
		"nobody":           {events.APIGatewayRequestIdentity{SourceIP: "203.0.113.7"}, contract.IAM{}, ""},
		"nobody, a tenant": {events.APIGatewayRequestIdentity{}, contract.IAM{Tenant: "acme"}, ""},
		"no account":       {events.APIGatewayRequestIdentity{Caller: role + ":reports"}, contract.IAM{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, echoAsync)
			w.Router.IAM = &c.iam
			ev := event(t, "connect") // what an authorizer said does not count
			ev.RequestContext.Identity = c.caller
			got := w.invoke(t, t.Context(), ev)
			row, stored := w.connections.rows[connectionID]
			if c.want == "" {
				if got.StatusCode != 401 || stored {
					t.Errorf("answered %+v, stored %+v", got, row)
				}
				return
			}
			if got.StatusCode != 200 || row.Tenant+" "+row.User != c.want || row.TokenExpires != start.Add(2*time.Hour+5*time.Minute).Unix() {
				t.Fatalf("answered %+v, stored %+v", got, row)
			}
			message := w.message(t, `{"action":"echo_async","id":"m1"}`)
			message.RequestContext.Authorizer = nil
			id := w.accept(t, message)
			if request := w.row(t, row.Tenant, id); request.User != row.User {
				t.Errorf("the request is %+v", request)
			}
		})
	}
}

func TestIAMCallersAreNobodyUnlessAsked(t *testing.T) {
	w := open(t)
	ev := event(t, "connect")
	ev.RequestContext.Authorizer = nil
	ev.RequestContext.Identity = events.APIGatewayRequestIdentity{AccountID: "123456789012", Caller: "AIDAEXAMPLE"}
	if got := w.invoke(t, t.Context(), ev); got.StatusCode != 401 || len(w.connections.rows) != 0 {
		t.Errorf("answered %+v, stored %v", got, w.connections.rows)
	}
}

func TestConnectThatCannotBeStoredIsRefused(t *testing.T) {
	w := open(t)
	w.connections.err = errors.New("table is away")
	if got := w.invoke(t, t.Context(), event(t, "connect")); got.StatusCode != 500 || got.Body != "" || !strings.Contains(w.log.String(), "table is away") {
		t.Errorf("answered %+v, log %s", got, w.log)
	}
	w.Connections = nil
	for _, name := range []string{"connect", "disconnect"} {
		if got := w.invoke(t, t.Context(), event(t, name)); got.StatusCode != 500 || got.Body != "" || !strings.Contains(w.log.String(), name+" panicked") {
			t.Errorf("%s that panics: answered %+v, log %s", name, got, w.log)
		}
	}
}

func TestDisconnect(t *testing.T) {
	w := open(t)
	w.invoke(t, t.Context(), event(t, "connect"))
	for range 2 { // it may come twice
		if got := w.invoke(t, t.Context(), event(t, "disconnect")); got.StatusCode != 200 || got.Body != "" || len(w.connections.rows) != 0 {
			t.Errorf("answered %+v, stored %v", got, w.connections.rows)
		}
	}
	w.connections.err = errors.New("table is away")
	if got := w.invoke(t, t.Context(), event(t, "disconnect")); got.StatusCode != 200 || !strings.Contains(w.log.String(), "table is away") || w.metrics.Sums()["Disconnected"] != 3 {
		t.Errorf("answered %+v, metrics %v, log %s", got, w.metrics.Sums(), w.log)
	}
}

// TestTheEventsTypeCounts: the route's key depends on how the API was set up.
func TestTheEventsTypeCounts(t *testing.T) {
	w := open(t)
	for _, key := range []string{"$connect", "$disconnect", "$default", "streamer.ping", ""} {
		ev := event(t, "message")
		ev.RequestContext.RouteKey = key
		if f := w.send(t, ev); f.Type() != protocol.TypePong {
			t.Errorf("route %s: %+v", key, f)
		}
	}
	if len(w.connections.rows) != 0 {
		t.Errorf("a message connected: %v", w.connections.rows)
	}
}

func TestIdentityOfAMessage(t *testing.T) {
	row := func(change func(*store.Connection)) store.Connection {
		c := store.Connection{ID: connectionID, Tenant: "globex", User: "bob", TokenExpires: start.Add(time.Minute).Unix()}
		change(&c)
		return c
	}
	claims := func(change map[string]any) func(*events.APIGatewayWebsocketProxyRequest) {
		return func(ev *events.APIGatewayWebsocketProxyRequest) {
			maps.Copy(ev.RequestContext.Authorizer.(map[string]any), change)
		}
	}
	none := func(ev *events.APIGatewayWebsocketProxyRequest) { ev.RequestContext.Authorizer = nil }
	same := func(*store.Connection) {}
	for name, c := range map[string]struct {
		event func(*events.APIGatewayWebsocketProxyRequest)
		row   *store.Connection
		err   error
		user  string // of the request that is accepted; empty: refused with code
		code  protocol.Code
		gets  int
	}{
		"context":                        {claims(nil), nil, nil, "acme ann", "", 0},
		"context over the row":           {claims(nil), new(row(same)), nil, "acme ann", "", 0},
		"row without a context":          {none, new(row(same)), nil, "globex bob", "", 1},
		"row after an expired context":   {claims(map[string]any{"exp": "1768857208"}), new(row(same)), nil, "globex bob", "", 1},
		"row after a broken context":     {claims(map[string]any{"exp": "soon"}), new(row(same)), nil, "globex bob", "", 1},
		"row after another's key":        {claims(map[string]any{"tenant": "acme#R#x"}), new(row(same)), nil, "globex bob", "", 1},
		"row after half a context":       {claims(map[string]any{"tenant": ""}), new(row(same)), nil, "globex bob", "", 1},
		"neither":                        {none, nil, nil, "", protocol.Unauthenticated, 1},
		"expired context and no row":     {claims(map[string]any{"exp": "1768857208"}), nil, nil, "", protocol.Unauthenticated, 1},
		"both expired":                   {claims(map[string]any{"exp": "1"}), new(row(func(c *store.Connection) { c.TokenExpires = start.Unix() })), nil, "", protocol.Unauthenticated, 1},
		"row of nobody":                  {none, new(row(func(c *store.Connection) { c.User = "" })), nil, "", protocol.Unauthenticated, 1},
		"row of no tenant":               {none, new(row(func(c *store.Connection) { c.Tenant = "" })), nil, "", protocol.Unauthenticated, 1},
		"row without an end":             {none, new(row(func(c *store.Connection) { c.TokenExpires = 0 })), nil, "", protocol.Unauthenticated, 1},
		"no context and the table away":  {none, new(row(same)), errors.New("secret"), "", protocol.Unavailable, 1},
		"context and the table away":     {claims(nil), nil, errors.New("secret"), "acme ann", "", 0},
		"principal alone does not count": {claims(map[string]any{"sub": nil}), nil, nil, "", protocol.Unauthenticated, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, echoAsync)
			if c.row != nil {
				w.connections.rows[connectionID] = *c.row
			}
			w.connections.err = c.err
			ev := w.message(t, `{"action":"echo_async","id":"m1"}`)
			c.event(&ev)
			if c.user == "" {
				f := w.refused(t, ev, c.code)
				if f.ID != "m1" || f.Retryable != (c.code == protocol.Unavailable) {
					t.Errorf("answered %+v", f)
				}
				quiet(t, f)
			} else {
				id := w.accept(t, ev)
				tenant, user, _ := strings.Cut(c.user, " ")
				if row := w.row(t, tenant, id); row.User != user {
					t.Errorf("the request is %+v", row)
				}
			}
			if w.connections.gets != c.gets {
				t.Errorf("the connection was read %d times", w.connections.gets)
			}
		})
	}
}
