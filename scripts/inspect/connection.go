package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	posts "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// link is a connection as it is shown.
type link struct {
	ID           string    `json:"connection_id"`
	Tenant       string    `json:"tenant"`
	User         string    `json:"user"`
	ConnectedAt  time.Time `json:"connected_at"`
	TokenExpires time.Time `json:"token_expires"`
	// ExpiresAt is when the row is forgotten.
	ExpiresAt time.Time `json:"expires_at"`

	ends time.Time // in any case
}

func linkOf(c store.Connection) link {
	return link{c.ID, c.Tenant, c.User, instant(c.ConnectedAt), time.Unix(c.TokenExpires, 0).UTC(), time.Unix(c.ExpiresAt, 0).UTC(), c.Ends()}
}

// linkDetail is one connection with what is known beyond its row.
type linkDetail struct {
	link
	// Known says whether API Gateway still has the connection: "open", "gone", or
	// "unknown" if it may not be asked.
	Known      string    `json:"api_gateway"`
	Why        string    `json:"why,omitempty"` // it is unknown
	LastActive time.Time `json:"last_active_at,omitzero"`
	SourceIP   string    `json:"source_ip,omitempty"`
	Watches    []watched `json:"watches"`
}

type watched struct {
	ID     string          `json:"request_id"`
	Action string          `json:"action"`
	Status protocol.Status `json:"status"`
}

// maxWatched is how many requests of its user a connection is looked for in.
const maxWatched = 5 * store.MaxByUser

func connectionCommand(*flag.FlagSet) task {
	return func(ctx context.Context, s *session, args []string) error {
		c, exists, err := s.connections.Get(ctx, args[0])
		if err != nil {
			return err
		}
		if !exists {
			return fmt.Errorf("there is no connection %q: it was closed, or never open (connections lists those that are)", args[0])
		}
		d := linkDetail{link: linkOf(c), Known: "open"}
		out, err := s.posts.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: &c.ID})
		switch {
		case isGone(err):
			d.Known = "gone"
		case s.Emulator != "" && misread(err): // MiniStack's answer has other types than AWS's
		case err != nil:
			d.Known, d.Why = "unknown", explain(err).Error()
		default:
			d.LastActive = aws.ToTime(out.LastActiveAt)
			if out.Identity != nil {
				d.SourceIP = aws.ToString(out.Identity.SourceIp)
			}
		}
		if d.Watches, err = watches(ctx, s, c); err != nil {
			return err
		}
		return s.tell(d, func(out io.Writer) error { return d.show(out, s.now) })
	}
}

func isGone(err error) bool {
	_, is := errors.AsType[*posts.GoneException](err)
	return is
}

// misread reports whether there was an answer that the SDK could not read.
func misread(err error) bool {
	_, is := errors.AsType[*smithy.DeserializationError](err)
	return is
}

// watches are the requests that a connection watches; only its user's it may.
func watches(ctx context.Context, s *session, c store.Connection) ([]watched, error) {
	all := []watched{}
	var at store.Position
	for range maxWatched / store.MaxByUser {
		rows, last, err := s.requests.ByUser(ctx, c.Tenant, c.User, at, store.MaxByUser)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if slices.Contains(row.Watchers, c.ID) {
				all = append(all, watched{row.Key().ID, row.Action, row.Status})
			}
		}
		if at = last; last == (store.Position{}) {
			break
		}
	}
	return all, nil
}

func (d linkDetail) show(out io.Writer, now time.Time) error {
	known := map[string]string{
		"open": "API Gateway has it", "gone": "API Gateway no longer has it: the row stays until it expires",
		"unknown": "API Gateway could not be asked: " + plain(d.Why),
	}[d.Known]
	fmt.Fprintf(out, "connection %s of %s\n", plain(d.ID), of(d.Tenant, d.User))
	facts(out, []fact{
		{"state", known},
		{"connected", at(d.ConnectedAt, now)},
		{"last active", at(d.LastActive, now)},
		{"from", plain(d.SourceIP)},
		{"token ends", at(d.TokenExpires, now)},
		{"expires", at(d.ExpiresAt, now)},
	})
	fmt.Fprintln(out)
	lines := [][]string{{"REQUEST", "STATUS", "ACTION"}}
	for _, w := range d.Watches {
		lines = append(lines, []string{w.ID, string(w.Status), plain(w.Action)})
	}
	return table(out, "watches", lines)
}

// of names a user as lists do.
func of(tenant, user string) string { return plain(tenant) + "/" + plain(user) }

// who is the user that a command is about.
type who struct{ tenant, user string }

func (w *who) flags(flags *flag.FlagSet) {
	flags.StringVar(&w.tenant, "tenant", "", "the tenant")
	flags.StringVar(&w.user, "user", "", "the user, of that tenant")
}

func (w *who) validate() error {
	if w.user != "" && w.tenant == "" {
		return usageError{errors.New("a user is one of a tenant: give -tenant too")}
	}
	return nil
}

func connectionsCommand(flags *flag.FlagSet) task {
	var w who
	w.flags(flags)
	most := flags.Int("limit", 50, "how many at most")
	return func(ctx context.Context, s *session, _ []string) error {
		if err := w.validate(); err != nil {
			return err
		}
		found, more, err := links(ctx, s, w, *most)
		if err != nil {
			return err
		}
		return s.tell(found, func(out io.Writer) error {
			lines := [][]string{{"CONNECTION", "OF", "CONNECTED", "ENDS WITHIN"}}
			for _, l := range found {
				lines = append(lines, []string{plain(l.ID), of(l.Tenant, l.User), age(l.ConnectedAt, s.now) + " ago", span(l.ends.Sub(s.now))})
			}
			if err := table(out, "connections", lines); err != nil {
				return err
			}
			if more {
				fmt.Fprintln(out, "There are more: -limit shows them.")
			}
			return nil
		})
	}
}

// links are connections that have not expired, the newest first: those of a user from the
// index, any others from the table, which is read until there are enough.
func links(ctx context.Context, s *session, w who, most int) (found []link, more bool, err error) {
	found = []link{}
	add := func(c store.Connection) {
		if !c.Ended(s.now) && (w.tenant == "" || c.Tenant == w.tenant) {
			found = append(found, linkOf(c))
		}
	}
	if w.user != "" {
		ids, err := connectionsOf(ctx, s, w)
		if err != nil {
			return nil, false, err
		}
		for _, id := range ids {
			if len(found) == most {
				return found, true, nil
			}
			c, exists, err := s.connections.Get(ctx, id)
			if err != nil {
				return nil, false, err
			}
			if exists {
				add(c)
			}
		}
		return found, false, nil
	}
	pages := dynamodb.NewScanPaginator(s.tables, &dynamodb.ScanInput{TableName: &s.connections.Table})
	for pages.HasMorePages() && len(found) <= most {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, false, fmt.Errorf("list connections: %w", err)
		}
		for _, item := range page.Items {
			var c store.Connection
			if err := attributevalue.UnmarshalMap(item, &c); err != nil {
				return nil, false, fmt.Errorf("list connections: %w", err)
			}
			add(c)
		}
	}
	slices.SortFunc(found, func(a, b link) int { return b.ConnectedAt.Compare(a.ConnectedAt) })
	if len(found) > most {
		return found[:most], true, nil
	}
	return found, false, nil
}

// connectionsOf are the ids of a user's connections, the newest first.
func connectionsOf(ctx context.Context, s *session, w who) (ids []string, err error) {
	pages := dynamodb.NewQueryPaginator(s.tables, &dynamodb.QueryInput{
		TableName: &s.connections.Table, IndexName: aws.String(contract.IndexConnectionsByUser),
		KeyConditionExpression:    aws.String("#u = :u"),
		ExpressionAttributeNames:  map[string]string{"#u": contract.ConnectionUserKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":u": &types.AttributeValueMemberS{Value: lifecycle.UserKey(w.tenant, w.user)}},
		ScanIndexForward:          aws.Bool(false),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list connections of a user: %w", err)
		}
		for _, item := range page.Items {
			if id, is := item[contract.ConnectionID].(*types.AttributeValueMemberS); is {
				ids = append(ids, id.Value)
			}
		}
	}
	return ids, nil
}
