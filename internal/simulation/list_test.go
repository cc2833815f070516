package simulation

import (
	"context"
	"fmt"
	"slices"

	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// ByUser implements store.Requests as it is over DynamoDB: the index tells which rows, and
// the rows themselves are read.
func (t table) ByUser(ctx context.Context, tenant, user string, after store.Position, most int) (rows []lifecycle.Row, last store.Position, err error) {
	w := t.p.w
	key := lifecycle.UserKey(tenant, user)
	type listed struct {
		rows []lifecycle.Row
		last store.Position
	}
	l, err := ask(t.p, ctx, toTable, fmt.Sprint("by user ", key, after), 0, func() (l listed, err error) {
		l.rows = w.byUser.part(key)
		slices.Reverse(l.rows)
		if after != (store.Position{}) {
			l.rows = slices.DeleteFunc(l.rows, func(r lifecycle.Row) bool {
				return r.CreatedAt > after.CreatedAt || r.CreatedAt == after.CreatedAt && r.Key().ID >= after.ID
			})
		}
		if len(l.rows) > most {
			l.rows = l.rows[:most]
			l.last = store.PositionOf(l.rows[most-1])
		}
		return l, nil
	})
	if err != nil || w.bug.listBelieved {
		return l.rows, l.last, err
	}
	rows, err = ask(t.p, ctx, toTable, fmt.Sprint("batch ", key, after), 0, func() (rows []lifecycle.Row, err error) {
		for _, was := range l.rows {
			row, exists, err := t.Memory.Get(w.ctx, was.Key())
			if err != nil {
				return nil, err
			}
			if w.bug.read != nil {
				row = w.bug.read(row)
			}
			if exists && row.CreatedAt == was.CreatedAt {
				rows = append(rows, row)
			}
		}
		return rows, nil
	})
	return rows, l.last, err
}

// listing is a client that goes through the pages of its list.
type listing struct {
	status string
	limit  int
	page   string
	seen   []protocol.Listed
	// known is what the list must have: the requests of its user that the index knew when
	// the listing began. None if the list is narrowed.
	known []lifecycle.Row
}

// list has a client go through its list, if it does not already.
func (c *client) list(status string, limit int) {
	if c.listing != nil {
		return
	}
	c.listing = &listing{status: status, limit: limit}
	if status == "" {
		c.listing.known = c.w.byUser.part(lifecycle.UserKey(c.tenant, c.user))
	}
	c.wake()
}

// browse is list, of whatever.
func (c *client) browse() {
	statuses := []string{"", "", protocol.ListOpen, protocol.ListEnded, string(protocol.Completed)}
	c.list(statuses[c.w.dice.IntN(len(statuses))], 1+c.w.dice.IntN(3))
}

// turn asks for the next page.
func (c *client) turn() {
	l := c.listing
	p := &pending{verb: protocol.ActionList, listing: l, stood: c.w.standing(c.person)}
	c.ask(p, func(m *protocol.Message) {
		m.Payload = encode(protocol.List{Status: l.status, Limit: l.limit, Page: l.page})
	})
}

// listed takes a page.
func (c *client) listed(p *pending, f protocol.Requests) {
	c.w.paged(c, p, f)
	l := p.listing
	if c.asks[f.ID] != p {
		return // it came too late: the page was asked for again
	}
	l.seen = append(l.seen, f.Requests...)
	if l.page = f.Next; l.page == "" {
		c.listing = nil
		c.w.listed(c, l)
	} else {
		c.w.saw("world list of several pages")
	}
	c.w.in(0, c.wake)
}

// standing is how the requests of somebody stand, by id.
func (j *judge) standing(who person) map[string]lifecycle.Row {
	stood := map[string]lifecycle.Row{}
	for _, row := range j.rows {
		if (person{row.Key().Tenant, row.User}) == who {
			stood[row.Key().ID] = row
		}
	}
	return stood
}

// paged holds a page to how things stood when it was asked for: it may show what came
// after, but nothing that was over by then.
func (j *judge) paged(c *client, p *pending, f protocol.Requests) {
	bad := func(l protocol.Listed, format string, args ...any) {
		j.w.violate("%s is listed %s of %s as %s, attempt %d: %s", c.name, short(l.RequestID), l.Action, l.Status, l.Attempt, fmt.Sprintf(format, args...))
	}
	if len(f.Requests) > p.listing.limit {
		j.w.violate("%s gets %d requests on a page of %d", c.name, len(f.Requests), p.listing.limit)
	}
	for _, l := range f.Requests {
		row, exists := j.row(l.RequestID)
		stood, known := p.stood[l.RequestID]
		switch {
		case !exists || (person{row.Key().Tenant, row.User}) != c.person:
			bad(l, "it is not its own")
		case !listsAs(p.listing.status, l.Status):
			bad(l, "it asked for %s", p.listing.status)
		case known && stood.CreatedAt == l.CreatedAt && stood.TTL != 0 && !p.at.Before(expires(stood).Add(j.w.plan.skew+1e9)):
			bad(l, "it had expired")
		case known && stood.CreatedAt == l.CreatedAt && (l.Attempt < stood.Attempt || stood.Status.Terminal() && l.Status != stood.Status):
			bad(l, "it was %s, attempt %d, when that was asked", stood.Status, stood.Attempt)
		}
	}
}

// listsAs reports whether a list that is narrowed so has requests of that status.
func listsAs(narrowed string, s protocol.Status) bool {
	switch narrowed {
	case protocol.ListOpen:
		return !s.Terminal()
	case protocol.ListEnded:
		return s.Terminal()
	}
	return narrowed == "" || narrowed == string(s)
}

// listed holds all pages together to what must be on them.
func (j *judge) listed(c *client, l *listing) {
	places := map[store.Position]bool{}
	for i, at := range l.seen {
		place := store.Position{CreatedAt: at.CreatedAt, ID: at.RequestID}
		if places[place] {
			j.w.violate("%s is listed %s twice", c.name, short(at.RequestID))
		}
		if i > 0 && at.CreatedAt > l.seen[i-1].CreatedAt {
			j.w.violate("%s is listed %s behind an older one", c.name, short(at.RequestID))
		}
		places[place] = true
	}
	for _, row := range l.known {
		id := row.Key().ID
		now, _ := j.row(id)
		if !places[store.PositionOf(row)] && now.CreatedAt == row.CreatedAt && !j.expired(id, j.w.now(), false) {
			j.w.violate("%s is not listed %s, which is %s", c.name, short(id), now.Status)
		}
	}
}
