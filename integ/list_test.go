package integ_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pay-theory/streamer/protocol"
)

// list asks for one page.
func (c *client) list(t *testing.T, q protocol.List) protocol.Requests {
	t.Helper()
	return as[protocol.Requests](t, c.ask(t, protocol.Message{Action: protocol.ActionList, Payload: object(t, q)}))
}

// listed follows the pages of a list until they have what is waited for: which requests
// there are is told within moments, not at once.
func (c *client) listed(t *testing.T, q protocol.List, want int) (all []protocol.Listed) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		all = nil
		for {
			page := c.list(t, q)
			if all = append(all, page.Requests...); len(page.Requests) > cmp.Or(q.Limit, protocol.DefaultList) {
				t.Fatalf("a page of %d requests: %+v", len(page.Requests), q)
			}
			if q.Page = page.Next; q.Page == "" {
				break
			}
		}
		if len(all) == want {
			return all
		}
		if time.Now().After(end) {
			t.Fatalf("%+v lists %d requests, want %d: %+v", q, len(all), want, all)
		}
	}
}

func TestListPagesThroughOnesOwnRequests(t *testing.T) {
	t.Parallel()
	u := fresh()
	c := dial(t, u)
	if page := c.list(t, protocol.List{}); len(page.Requests) != 0 || page.Next != "" {
		t.Errorf("before the first: %+v", page)
	}
	var made []string
	for range 5 {
		id := c.submit(t, "echo_async", echoAsync{"listed", 0, 1})
		c.end(t, id)
		made = append(made, id)
	}
	running := c.submit(t, "echo_async", echoAsync{"listed", 150_000, 150}) // until it is cancelled
	p := c.progress(t, running)
	made = append(made, running)
	slices.Reverse(made)

	for _, limit := range []int{0, 1, 4, protocol.MaxList} {
		all := c.listed(t, protocol.List{Limit: limit}, len(made))
		for i, r := range all {
			if r.RequestID != made[i] || r.Action != "echo_async" || r.Attempt != 1 || r.Code != "" {
				t.Errorf("limit %d, place %d: got %+v, want %s", limit, i, r, made[i])
			}
			if open := r.RequestID == running; r.Status.Terminal() == open || (r.EndedAt == 0) != open || r.CreatedAt == 0 {
				t.Errorf("limit %d: %+v", limit, r)
			}
		}
	}
	// The state is at most a pulse old.
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if r := c.list(t, protocol.List{Limit: 1}).Requests[0]; r.Status == protocol.Processing && r.Percentage >= p.Percentage {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("progress %+v is never listed", p)
		}
	}
	for status, want := range map[string]int{protocol.ListOpen: 1, protocol.ListEnded: 5, "PROCESSING": 1, "COMPLETED": 5, "FAILED": 0} {
		c.listed(t, protocol.List{Status: status, Limit: 2}, want)
	}
	cancel(t, c, running)
	as[protocol.CancelledFrame](t, c.end(t, running))
	// What a client was told is listed at once.
	if r := c.list(t, protocol.List{Limit: 1}).Requests[0]; r.Status != protocol.Cancelled || r.EndedAt == 0 {
		t.Errorf("after its end it is listed as %+v", r)
	}
}

func TestListShowsNobodyElses(t *testing.T) {
	t.Parallel()
	u := fresh()
	owner := dial(t, u)
	for range 2 {
		owner.submit(t, "echo_async", echoAsync{"private", 0, 1})
	}
	owner.listed(t, protocol.List{}, 2)
	next := owner.list(t, protocol.List{Limit: 1}).Next
	if next == "" {
		t.Fatal("the first of two requests is the last page")
	}
	for name, stranger := range map[string]*client{
		"another user of the tenant": dial(t, user{u.tenant, "bob"}),
		"another tenant":             dial(t, user{fresh().tenant, u.name}),
	} {
		if page := stranger.list(t, protocol.List{}); len(page.Requests) != 0 || page.Next != "" {
			t.Errorf("%s is shown %+v", name, page)
		}
		mine := stranger.submit(t, "echo_async", echoAsync{"own", 0, 1})
		if all := stranger.listed(t, protocol.List{}, 1); all[0].RequestID != mine {
			t.Errorf("%s is shown %+v", name, all)
		}
		f := refused(t, stranger.ask(t, protocol.Message{Action: protocol.ActionList, Payload: object(t, protocol.List{Page: next})}), protocol.InvalidPayload)
		if f.Details["field"] != "page" {
			t.Errorf("%s, with another's page: %+v", name, f)
		}
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	c := dial(t, fresh())
	for _, q := range []struct {
		field string
		list  protocol.List
	}{
		{"limit", protocol.List{Limit: -1}}, {"limit", protocol.List{Limit: protocol.MaxList + 1}},
		{"status", protocol.List{Status: "Open"}}, {"status", protocol.List{Status: "DONE"}},
		{"page", protocol.List{Page: "x"}}, {"page", protocol.List{Page: "0.0.0"}}, {"page", protocol.List{Page: "\x00"}},
		{"page", protocol.List{Page: "1700000000000.01JAAAAAAAAAAAAAAAAAAAAAAA.01JAAAAAAAAAAAAAAAAAAAAAAA"}},
		{"page", protocol.List{Page: strings.Repeat("x", 20_000)}},
	} {
		f := refused(t, c.ask(t, protocol.Message{Action: protocol.ActionList, Payload: object(t, q.list)}), protocol.InvalidPayload)
		if f.Details["field"] != q.field {
			t.Errorf("%.200v: %+v", q.list, f)
		}
	}
	c.ping(t)
}
