// Command streamer-report reports for compute that a request was handed over to
// (streamer.HandOver), whatever language its program is in:
//
//	streamer-report run COMMAND [ARGUMENT...]     works by running a command, see below
//	streamer-report progress PERCENTAGE [TEXT...] says how far the work is
//	streamer-report complete [JSON]               ends the request with its result, or null
//	streamer-report fail CODE TEXT...             fails the request for good
//	streamer-report retry TEXT...                 fails the attempt; another one follows
//
// The ticket is in STREAMER_TICKET. Region and credentials are found as every AWS SDK finds
// them; the role needs what StreamerConstruct.GrantReport gives. What went wrong is told on
// standard error, and by the exit status:
//
//	0  it is stored
//	1  a call to AWS failed: the same may be tried again
//	2  the words or the ticket make no sense
//	3  the request was cancelled, and has ended: stop
//	4  the attempt is over or in other hands: stop
//
// If AWS_XRAY_DAEMON_ADDRESS says where an X-Ray daemon listens, a sidecar of an ECS task for
// one, it is told of the attempt, as a part of the request's trace.
//
// # run
//
// The command gets the payload as JSON on its standard input. Lines of its standard output
// that begin with one of the words above, but for run, do what they say, complete, fail and
// retry once it has ended; all other lines are passed on to standard error, for the log. If
// it ends with status 0 and has said none of those three, the request completes with null;
// with any other status the attempt fails. STREAMER_REQUEST_ID and STREAMER_ATTEMPT are in
// its environment, and the ticket is not: as long as it runs, this program has the attempt,
// and keeps it without a word of the command's. Whoever must stop, because the request was
// cancelled, its deadline has passed or the attempt was lost, gets SIGTERM, and a second
// later SIGKILL.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/config"
	"go.opentelemetry.io/otel"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/tracing/xray"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/remote"
)

const usage = `usage: streamer-report run COMMAND [ARGUMENT...]
       streamer-report progress PERCENTAGE [TEXT...]
       streamer-report complete [JSON]
       streamer-report fail CODE TEXT...
       streamer-report retry TEXT...
The ticket is in STREAMER_TICKET.`

// The exit statuses.
const (
	statusTryAgain = 1 + iota
	statusUsage
	statusCancelled
	statusLost
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := report(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "streamer-report:", err)
	}
	os.Exit(status(err))
}

func status(err error) int {
	_, senseless := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return 0
	case senseless:
		return statusUsage
	case errors.Is(err, streamer.ErrCancelled):
		return statusCancelled
	case errors.Is(err, streamer.ErrLost):
		return statusLost
	}
	return statusTryAgain
}

// usageError says that the words make no sense.
type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem }

func report(ctx context.Context, words []string) error {
	ticket := os.Getenv("STREAMER_TICKET")
	switch {
	case len(words) == 0:
		return usageError{usage}
	case ticket == "":
		return usageError{"STREAMER_TICKET is not set: it is what streamer.HandOver returned"}
	case remote.Check(ticket) != nil:
		return usageError{remote.Check(ticket).Error()}
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	if daemon := os.Getenv(contract.EnvXRayDaemon); daemon != "" {
		provider, err := xray.New(daemon, "")
		if err != nil {
			return err
		}
		otel.SetTracerProvider(provider)
	}
	c := remote.Config{AWS: cfg, Metrics: nil, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if words[0] == "run" {
		return run(ctx, c, ticket, words[1:])
	}
	s, err := parse(words[0], strings.Join(words[1:], " "))
	if err != nil {
		return err
	}
	return s.send(ctx, c, ticket)
}

// said is what one of the words says, with what follows it.
type said struct {
	ends       bool
	percentage float64
	text       string
	result     json.RawMessage
	failure    error
}

// parse reads a word and what follows it.
func parse(word, rest string) (s said, err error) {
	switch word {
	case "progress":
		number, text, _ := strings.Cut(rest, " ")
		s.text = strings.TrimSpace(text)
		if s.percentage, err = strconv.ParseFloat(strings.TrimSuffix(number, "%"), 64); err != nil {
			return s, usageError{fmt.Sprintf("progress: %q is no percentage", number)}
		}
		return s, nil
	case "complete":
		s.ends, s.result = true, json.RawMessage(strings.TrimSpace(rest))
		if len(s.result) == 0 {
			s.result = json.RawMessage("null")
		}
		if !json.Valid(s.result) {
			return s, usageError{"complete: the result is not JSON"}
		}
		return s, nil
	case "fail":
		code, text, _ := strings.Cut(rest, " ")
		if code == "" || strings.TrimSpace(text) == "" {
			return s, usageError{"fail: give a code, in UPPER_SNAKE, and a text that may be shown"}
		}
		s.ends, s.failure = true, streamer.Errorf(protocol.Code(code), "%s", strings.TrimSpace(text))
		return s, nil
	case "retry":
		s.ends, s.failure = true, errors.New(rest)
		return s, nil
	}
	return s, usageError{fmt.Sprintf("%q is not one of the words\n%s", word, usage)}
}

// send does what was said, from wherever this process happens to be.
func (s said) send(ctx context.Context, c remote.Config, ticket string) error {
	switch {
	case !s.ends:
		return remote.Report(ctx, c, ticket, s.percentage, s.text)
	case s.failure != nil:
		return remote.Fail(ctx, c, ticket, s.failure)
	}
	return remote.Complete(ctx, c, ticket, s.result)
}
