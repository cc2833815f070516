package client

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/pay-theory/streamer/protocol"
)

// paging answers with three pages: two requests, none, one. A page that it did not name is
// refused.
func paging(asked *[]protocol.List) func(*socket, protocol.Message) {
	return func(s *socket, m protocol.Message) {
		var q protocol.List
		if m.Action != protocol.ActionList || json.Unmarshal(m.Payload, &q) != nil {
			s.t.Errorf("got %+v", m)
		}
		*asked = append(*asked, q)
		page := protocol.Requests{Answer: protocol.Answer{ID: m.ID}}
		switch q.Page {
		case "":
			page.Requests, page.Next = []protocol.Listed{{RequestID: "c"}, {RequestID: "b"}}, "second"
		case "second":
			page.Next = "third"
		case "third":
			page.Requests = []protocol.Listed{{RequestID: "a"}}
		default:
			s.send(protocol.Error{Answer: page.Answer, Code: protocol.InvalidPayload, Message: "page: not one of yours"})
			return
		}
		s.send(page)
	}
}

func TestList(t *testing.T) {
	var asked []protocol.List
	c := answering(t, paging(&asked))
	query := protocol.List{Status: protocol.ListOpen, Limit: 2}
	var got []string
	for listed, err := range c.List(t.Context(), query) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, listed.RequestID)
	}
	if want := []string{"c", "b", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, page := range []string{"", "second", "third"} {
		if query.Page = page; len(asked) != 3 || asked[i] != query {
			t.Fatalf("asked for %+v", asked)
		}
	}
	for range c.List(t.Context(), protocol.List{}) {
		break // whoever has seen enough asks for no more pages
	}
	if len(asked) != 4 {
		t.Errorf("asked for %+v", asked[3:])
	}
	if page, err := c.ListPage(t.Context(), protocol.List{Page: "second"}); err != nil || len(page.Requests) != 0 || page.Next != "third" {
		t.Errorf("got %+v, %v", page, err)
	}
	var errs []error
	for _, err := range c.List(t.Context(), protocol.List{Page: "stolen"}) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || !isCode(errs[0], protocol.InvalidPayload) {
		t.Errorf("got %v", fmt.Sprint(errs))
	}
}
