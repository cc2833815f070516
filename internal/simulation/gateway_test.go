package simulation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/pay-theory/streamer/functions/router"
	"github.com/pay-theory/streamer/internal/connection"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/metric"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// gateway is API Gateway: it holds the connections, invokes the router, and carries
// frames, which may overtake each other.
type gateway struct {
	w    *world
	rows map[string]store.Connection
	all  map[string]*conn
	ids  int // of messages
}

// conn is one WebSocket.
type conn struct {
	id     string
	client *client
	open   bool
	// expires is when its token does.
	expires time.Time
	// watching holds the requests that the client was told it watches here, ended those
	// whose terminal frame came here.
	watching, ended map[string]bool
}

func (g *gateway) open(w *world) {
	g.w, g.rows, g.all = w, map[string]store.Connection{}, map[string]*conn{}
}

func (g *gateway) event(c *conn, kind, body string) events.APIGatewayWebsocketProxyRequest {
	g.ids++
	ev := events.APIGatewayWebsocketProxyRequest{Body: body}
	ev.RequestContext.EventType = kind
	ev.RequestContext.ConnectionID = c.id
	ev.RequestContext.RequestID = fmt.Sprint("message-", g.ids)
	if kind == "CONNECT" || !g.w.plan.bare {
		who := c.client.person
		if g.w.bug.identity != nil {
			who = g.w.bug.identity(who)
		}
		ev.RequestContext.Authorizer = map[string]any{"tenant": who.tenant, "sub": who.user, "exp": strconv.FormatInt(c.expires.Unix(), 10)}
	}
	return ev
}

// route invokes the router.
func (g *gateway) route(ev events.APIGatewayWebsocketProxyRequest, answered func(events.APIGatewayProxyResponse), lost func()) {
	w := g.w
	w.start("router", 29*time.Second, func(ctx context.Context, p *process) func() {
		r := &router.Router{
			Registry: registry(p), Requests: table{w.table.Memory, p}, Connections: connections{p}, Manager: w.manager(p), Files: w.filesOf(),
			Clock: p, NewID: func(time.Time) string { return fmt.Sprintf("01JGH%021d", p.n) },
			Metrics: metric.None{}, Log: w.log.With("process", p.name),
		}
		if w.plan.limits != (contract.Limits{}) {
			r.Gate = &limits.Gate{Limits: w.plan.limits, Ledgers: table{w.table.Memory, p}, Connections: connections{p}, Clock: p}
		}
		out, err := r.Handle(ctx, ev)
		return func() {
			if err != nil || out.StatusCode == 0 {
				w.violate("the router returned %+v, %v", out, err)
			}
			answered(out)
		}
	}, lost)
}

// connect opens a connection for a client, or fails to.
func (g *gateway) connect(cl *client, done func(*conn)) {
	c := &conn{id: fmt.Sprint("c", len(g.all)+1), client: cl, expires: g.w.now().Add(g.w.plan.tokens).Truncate(time.Second), watching: map[string]bool{}, ended: map[string]bool{}}
	g.all[c.id] = c
	g.route(g.event(c, "CONNECT", ""), func(out events.APIGatewayProxyResponse) {
		if out.StatusCode != http.StatusOK {
			done(nil)
			return
		}
		c.open = true
		done(c)
	}, func() { done(nil) })
}

// close ends a connection, from either side.
func (g *gateway) close(c *conn) {
	c.open = false
	g.w.note(c.client.name, "loses "+c.id, "")
	if g.w.chance(g.w.plan.noDisconnectEvent) {
		g.w.saw("world no disconnect event")
		return
	}
	g.route(g.event(c, "DISCONNECT", ""), func(events.APIGatewayProxyResponse) {}, nil)
}

// message brings what a client sent to the router, and its answer back.
func (g *gateway) message(p *pending, id, body string) {
	c := p.on
	if g.w.bug.message != nil {
		body = g.w.bug.message(body)
	}
	g.route(g.event(c, "MESSAGE", body), func(out events.APIGatewayProxyResponse) {
		if out.StatusCode != http.StatusOK || out.Body == "" {
			g.w.violate("a message is answered with %d and %q", out.StatusCode, out.Body)
		}
		g.w.answered(p, id, []byte(out.Body))
		for range g.w.bug.copies() {
			g.carry(c, []byte(out.Body))
		}
	}, func() {
		p.lost = true
		g.carry(c, []byte(`{"message": "Internal server error", "connectionId":"x", "requestId":"y"}`))
	})
}

// carry brings a frame to the client.
func (g *gateway) carry(c *conn, frame []byte) {
	g.w.in(g.w.between(time.Millisecond, 80*time.Millisecond), func() {
		if c.open {
			g.w.reaches(c, frame)
			c.client.take(c, frame)
		}
	})
}

// poster is API Gateway's management API as one process reaches it.
type poster struct{ p *process }

// PostToConnection implements connection.Poster.
func (g poster) PostToConnection(ctx context.Context, in *apigatewaymanagementapi.PostToConnectionInput, _ ...func(*apigatewaymanagementapi.Options)) (*apigatewaymanagementapi.PostToConnectionOutput, error) {
	w := g.p.w
	frame, err := protocol.DecodeFrame(in.Data)
	if err != nil {
		return nil, err
	}
	data := in.Data
	if w.bug.post != nil {
		frame = w.bug.post(frame)
		if data, err = protocol.Encode(frame); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("post %s %s", *in.ConnectionId, frame.Type())
	falls := false
	if e, ok := protocol.EventOf(frame); ok {
		what += fmt.Sprint(" ", short(e.RequestID), " ", e.Seq)
		falls = g.p.falls(*in.ConnectionId+e.RequestID, e.Seq)
	}
	out, err := ask(g.p, ctx, toPost, what, 0, func() (*apigatewaymanagementapi.PostToConnectionOutput, error) {
		if falls {
			w.violate("%s: %s after a higher number", g.p.name, what)
		}
		c := w.gateway.all[*in.ConnectionId]
		if c == nil || !c.open {
			return nil, status(http.StatusGone)
		}
		if w.bug.swallow != nil && w.bug.swallow(frame) {
			return &apigatewaymanagementapi.PostToConnectionOutput{}, nil
		}
		w.posted(g.p, c, frame)
		w.gateway.carry(c, data)
		return &apigatewaymanagementapi.PostToConnectionOutput{}, nil
	})
	if answer, ok := errors.AsType[*smithyhttp.ResponseError](err); ok && w.bug.throttled && answer.HTTPStatusCode() == http.StatusTooManyRequests {
		return &apigatewaymanagementapi.PostToConnectionOutput{}, nil
	}
	return out, err
}

var _ connection.Poster = poster{}
