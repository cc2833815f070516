package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// listLag submits requests, waits for each to be listed, and then goes through the newest
// of the list one by one: each page begins behind a key that the router wrote itself.
func listLag(ctx context.Context, s *stage) (answer, error) {
	c, err := s.dial(ctx)
	if err != nil {
		return answer{}, err
	}
	defer c.CloseNow()
	const times = 10
	var made []string // newest first
	var worst time.Duration
	for i := range times {
		request, err := c.submit(ctx, fmt.Sprint("l", i), "echo_async", `{"message":"list","duration_ms":0,"steps":1}`)
		if err != nil {
			return answer{}, err
		}
		made = slices.Insert(made, 0, request)
		began := time.Now()
		for {
			page, err := c.page(ctx, protocol.List{Limit: 1})
			if err != nil {
				return answer{}, err
			}
			if len(page.Requests) == 1 && page.Requests[0].RequestID == request {
				break
			}
			if time.Since(began) > patience {
				return answer{fmt.Sprintf("%s is not listed after %s", request, patience), false}, nil
			}
		}
		worst = max(worst, time.Since(began))
	}
	var seen []string
	for next := ""; len(seen) < times; {
		page, err := c.page(ctx, protocol.List{Limit: 1, Page: next})
		if err != nil {
			return answer{}, err
		}
		if len(page.Requests) != 1 || page.Next == "" && len(seen) < times-1 {
			return answer{fmt.Sprintf("the list ends after %d of %d", len(seen), times), false}, nil
		}
		seen, next = append(seen, page.Requests[0].RequestID), page.Next
	}
	agrees := slices.Equal(seen, made) && worst < 5*time.Second
	return answer{fmt.Sprintf("listed within %s, then page by page in order: %t", worst.Round(time.Millisecond), slices.Equal(seen, made)), agrees}, nil
}

// page asks for a page of the user's list.
func (c *socket) page(ctx context.Context, q protocol.List) (page protocol.Requests, err error) {
	payload, err := json.Marshal(q)
	if err != nil {
		return page, err
	}
	m, err := c.ask(ctx, protocol.Message{Action: protocol.ActionList, ID: "page", Payload: payload})
	if err != nil {
		return page, err
	}
	f, err := protocol.DecodeFrame([]byte(m.raw))
	if err != nil {
		return page, err
	}
	page, ok := f.(protocol.Requests)
	if !ok {
		return page, fmt.Errorf("%s was answered with %s", protocol.ActionList, m.raw)
	}
	return page, nil
}
