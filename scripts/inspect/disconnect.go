package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
)

// closed is what became of one connection: "closed", or "gone" if its client had left.
type closed struct {
	ID   string `json:"connection_id"`
	Done string `json:"done"`
}

func disconnectCommand(flags *flag.FlagSet) task {
	var w who
	w.flags(flags)
	return func(ctx context.Context, s *session, args []string) error {
		ids, whose, err := meant(ctx, s, w, args)
		if err != nil {
			return err
		}
		s.head()
		if len(ids) == 0 {
			return s.tell([]closed{}, func(out io.Writer) error {
				fmt.Fprintf(out, "%s has no connection.\n", whose)
				return nil
			})
		}
		if !s.json {
			fmt.Fprintf(s.out, "%s of %s\n", count(len(ids), "connection"), whose)
			for _, id := range ids {
				fmt.Fprintln(s.out, "  "+plain(id))
			}
		}
		if err := s.confirm("Close what is listed?"); err != nil {
			return err
		}
		all := []closed{}
		var failed error
		for _, id := range ids {
			c, err := hangUp(ctx, s, id)
			failed = errors.Join(failed, err)
			if err == nil {
				all = append(all, c)
			}
		}
		return errors.Join(failed, s.tell(all, func(out io.Writer) error {
			fmt.Fprintf(out, "%d of %d are closed. ", len(all), len(ids))
			fmt.Fprintln(out, "Their requests go on. A client comes back\nas long as its token is good: to keep it out, have the issuer refuse it.")
			return nil
		}))
	}
}

// meant are the connections that a command line names, and whose they are.
func meant(ctx context.Context, s *session, w who, args []string) (ids []string, whose string, err error) {
	switch {
	case len(args) == 1 && w == (who{}):
		c, exists, err := s.connections.Get(ctx, args[0])
		if err != nil {
			return nil, "", err
		}
		if !exists {
			return nil, "", fmt.Errorf("there is no connection %q: it was closed, or never open (connections lists those that are)", args[0])
		}
		return args, of(c.Tenant, c.User), nil
	case len(args) == 0 && w.tenant != "" && w.user != "":
		ids, err := connectionsOf(ctx, s, w)
		return ids, of(w.tenant, w.user), err
	}
	return nil, "", usageError{errors.New("say whose: -tenant and -user, or the id of one connection")}
}

// hangUp closes a connection. The row of one that API Gateway no longer has is forgotten,
// that of any other when the router is told.
func hangUp(ctx context.Context, s *session, id string) (closed, error) {
	_, err := s.posts.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: &id})
	switch {
	case isGone(err):
		return closed{id, "gone"}, s.connections.Delete(ctx, id)
	case err != nil:
		return closed{}, fmt.Errorf("close connection %s: %w", id, explain(err))
	}
	return closed{id, "closed"}, nil
}
