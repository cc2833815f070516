package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/ticket"
	"github.com/pay-theory/streamer/internal/view"
)

// Config is what a process needs besides its ticket.
type Config struct {
	// AWS has the region and the credentials, as package config of the AWS SDK loads them.
	AWS aws.Config
	// Metrics is where Streamer's own metrics of what happens here are written, as
	// CloudWatch embedded metrics: os.Stdout in a container whose log goes to CloudWatch
	// Logs. Nil: they are not measured.
	Metrics io.Writer
	// Audit is where the audit log's record goes of a result that is told from here, as
	// backend.Config has it. Nil: nowhere.
	Audit io.Writer
	// Logger hears of what only the operator may know: what a handler failed with, calls to
	// AWS that failed. Defaults to none.
	Logger *slog.Logger
}

// Run takes over the attempt that a ticket is good for, in place of whoever had it before,
// and runs the handler that is bound to its action. It returns nil once the outcome is
// stored, whatever it is: a result, a failure, the wait for another attempt. A ticket whose
// own handler has not returned yet is waited for.
//
// A process that is told to stop ends ctx. Then the next attempt begins at once. Of the last
// one nothing is stored, the error is ctx's, and another process may go on with the ticket
// until the silence has lasted too long.
func Run(ctx context.Context, c Config, ticket string, handlers ...streamer.Binding) error {
	h, err := c.hold(ticket)
	if err != nil {
		return err
	}
	return h.run(ctx, handlers...)
}

// Report says how far the attempt is, as Reporter.Step does: it is stored, everyone who is
// connected is told, and the silence begins anew. A percentage below one before counts as
// that one. If the error is streamer.ErrCancelled the request was cancelled, and has ended.
func Report(ctx context.Context, c Config, ticket string, percentage float64, message string) error {
	h, err := c.hold(ticket)
	if err != nil {
		return err
	}
	return h.report(ctx, percentage, message)
}

// Complete ends the request with its result, which is encoded as JSON. A result that names
// a file takes Run. If it returns nil the result is stored.
func Complete(ctx context.Context, c Config, ticket string, result any) error {
	encoded, err := view.JSON(result)
	if err != nil {
		return fmt.Errorf("complete: result is not JSON: %w", err)
	}
	return c.end(ctx, ticket, func(r streamer.Reporter[json.RawMessage]) (said bool, err error) {
		err = r.Complete(encoded)
		return err == nil, err
	})
}

// Fail ends the attempt as a handler does that returns cause: a *streamer.Error that is not
// Retryable, or Permanent, fails the request; any other error has it tried again while
// attempts are left.
func Fail(ctx context.Context, c Config, ticket string, cause error) error {
	if cause == nil {
		return errors.New("fail: there is no cause")
	}
	return c.end(ctx, ticket, func(streamer.Reporter[json.RawMessage]) (said bool, err error) { return true, cause })
}

// RunAny is Run for a handler that takes a request of any action, as JSON.
func RunAny(ctx context.Context, c Config, ticket string, handler streamer.Handler[json.RawMessage, json.RawMessage]) error {
	h, err := c.hold(ticket)
	if err != nil {
		return err
	}
	return h.runAny(ctx, handler)
}

// Check says what is wrong with a ticket that cannot be read. It makes no call.
func Check(text string) error {
	_, err := ticket.Parse(text)
	return err
}

// end takes over and ends the attempt, whatever its action. One that ended otherwise, because
// the request was cancelled before or what do says was not stored, is over: its ticket tells how.
func (c Config) end(ctx context.Context, ticket string, do func(streamer.Reporter[json.RawMessage]) (said bool, err error)) error {
	h, err := c.hold(ticket)
	if err != nil {
		return err
	}
	var said atomic.Bool // a handler may be left behind
	err = h.runAny(ctx, func(_ context.Context, _ *streamer.Request[json.RawMessage], r streamer.Reporter[json.RawMessage]) error {
		ok, err := do(r)
		said.Store(ok)
		return err
	})
	if err != nil || said.Load() {
		return err
	}
	return h.done(ctx, h.TakeOver(ctx, h.ticket.Ticket, h.owner))
}
