package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/pay-theory/streamer/protocol"
)

// order subscribes again and again to a request that has ended, which is answered by a
// posted frame (subscribed) and a returned one (complete), and counts which comes first.
func order(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	request, err := c.submit(ctx, "o", "echo_async", `{"message":"order","duration_ms":0,"steps":1}`)
	if err != nil {
		return answer{}, err
	}
	if _, err := c.end(ctx, request); err != nil {
		return answer{}, err
	}
	const times = 200
	first := 0
	for i := range times {
		id := fmt.Sprint("s", i)
		if err := c.send(ctx, protocol.Message{Action: protocol.ActionSubscribe, ID: id, RequestID: request}); err != nil {
			return answer{}, err
		}
		var seen []string
		for len(seen) < 2 {
			m, err := c.until(ctx, func(m message) bool { return m.RequestID == request })
			if err != nil {
				return answer{}, err
			}
			seen = append(seen, m.Type)
		}
		if seen[0] == string(protocol.TypeSubscribed) {
			first++
		}
	}
	return answer{fmt.Sprintf("the posted frame came first in %d of %d", first, times), first >= times*9/10}, nil
}

// overtaking sends many quick messages at once and counts the answers that come before
// that of an earlier message.
func overtaking(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	const times = 200
	for i := range times {
		if err := c.send(ctx, protocol.Message{Action: "echo", ID: fmt.Sprint(i), Payload: json.RawMessage(`{}`)}); err != nil {
			return answer{}, err
		}
	}
	newest, overtook := -1, 0
	for range times {
		m, err := c.until(ctx, func(m message) bool { return m.ID != "" })
		if err != nil {
			return answer{}, err
		}
		var n int
		if _, err := fmt.Sscan(m.ID, &n); err != nil {
			return answer{}, fmt.Errorf("answered with %s", m.raw)
		}
		if n < newest {
			overtook++
		}
		newest = max(newest, n)
	}
	return answer{fmt.Sprintf("%d of %d answers were overtaken", overtook, times), overtook > 0}, nil
}

// tooLarge sends one frame of just over 32 KB.
func tooLarge(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("x", 32<<10+1))); err != nil {
		return answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	code, err := c.closed(ctx)
	if code < 0 {
		return answer{}, err
	}
	return answer{fmt.Sprintf("closed with %d", code), code == websocket.StatusMessageTooBig}, nil
}

// flood sends pings as fast as they go, and counts what comes back.
func flood(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	const times = 5000
	sent := make(chan error, 1)
	began := time.Now()
	go func() {
		for i := range times {
			if err := c.send(ctx, protocol.Message{Action: protocol.ActionPing, ID: fmt.Sprint(i)}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	pongs, limited, others, example := 0, 0, 0, ""
	for pongs+limited+others < times {
		m, err := c.next(ctx)
		if err != nil {
			return answer{}, fmt.Errorf("after %d pongs and %d refusals: %w", pongs, limited, err)
		}
		switch {
		case m.Type == string(protocol.TypePong):
			pongs++
		case m.Type == "" && m.Message != "":
			limited++
			example = m.raw
		default:
			others++
			example = m.raw
		}
	}
	if err := <-sent; err != nil {
		return answer{}, err
	}
	seen := fmt.Sprintf("%d messages in %s: %d pongs, %d refused, %d other answers; such as %s",
		times, time.Since(began).Round(time.Millisecond), pongs, limited, others, example)
	_, err = c.ask(ctx, protocol.Message{Action: protocol.ActionPing, ID: "after"})
	return answer{seen, err == nil && limited > 0 && others == 0}, nil
}
