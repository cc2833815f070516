// Command inspect looks inside a stage, on this machine or in an account: for whoever is on
// call, and for whoever wants to understand.
//
//	go run ./scripts/inspect doctor                     # is anything wrong, and what to do
//	go run ./scripts/inspect request 01J…               # what became of a request, and why
//	go run ./scripts/inspect requests -open             # what is being worked on, or waits
//	go run ./scripts/inspect logs 01J…                  # what all functions said of a request
//	go run ./scripts/inspect follow processor           # what one says from now on
//	go run ./scripts/inspect connections -tenant acme -user ann
//	go run ./scripts/inspect queues                     # how much waits, and for how long
//	go run ./scripts/inspect dead-letters               # what was given up, and what is open
//	go run ./scripts/inspect resend -all                # send the hints of those again
//	go run ./scripts/inspect post a1b2…                 # a test message to a connection
//	go run ./scripts/inspect disconnect -tenant acme -user ann
//	go run ./scripts/inspect forget -tenant acme -user ann   # delete what is kept of her
//
// A module of your own may have it as a tool, go tool inspect, as examples/primes does. The
// stage is the one whose stack -stack names, or whose outputs STREAMER_OUTPUTS names, the file
// that cdk deploy --outputs-file wrote; account and region are the AWS SDK's usual settings.
// Each command begins with where it looked. A payload, a checkpoint and a result are shown by
// request -payload, and nowhere else.
//
// # Programs
//
// -json prints one document, {"stage": {…}, "answer": …}, and follow a line for each line of
// a log, after one for the stage. Times in it are RFC 3339, durations milliseconds. What
// changes something says what it will do and asks; -yes answers. If nobody can be asked,
// because standard input is no terminal, nothing is done without -yes. It ends with
//
//	0  done, or nothing is wrong
//	1  it failed, or what was asked for is not there
//	2  the command line is wrong
//	3  nothing was changed: nobody said yes
//	4  doctor found something to do, or could not look
//
// (go run ends with 1 in place of any but 0: build it for a program that tells them apart.)
//
// # Design
//
// Everything is read from where the functions have it: rows, queues, logs, and CloudWatch.
// Nothing is kept here, and only post, disconnect, resend and forget change anything. What became of
// a request is told by its row, the truth about it, and in order by the functions' logs, for
// as long as they are kept.
//
// A hint says which request to look at and nothing more, so sending one too many is
// harmless, and so is running resend again or twice at once. No request's status is changed
// here: the processor decides, by the request's row, what a hint is good for.
//
// A dead letter is deleted last: after its request was read and has ended, or after the
// queue took a hint for a request that is due. Whatever goes wrong before, the dead letter
// is still there. One whose request is not due yet (a worker has it, or a back-off waits)
// is kept, since a hint would be dropped unused. One that nobody can read is only ever
// deleted by -discard.
//
// Reading a queue hides what was read for a while; everything that is not deleted is made
// visible again at the end, and after two minutes if the command is killed.
//
// All work queues have one dead-letter queue. A hint goes to the queue of the worker that
// does the action of its request now, by the row and the stack's outputs, wherever it came
// from. (SQS itself would move it back to where it was, and a queue that a later deployment
// took away is nowhere.)
//
// forget reads all of both tables, before and after: what it says is left was looked for, not
// remembered. Files go before the rows that say whose they are, so it may be run again after
// whatever failed. What was written to a request between the look and the end of its row goes
// then, while its id is still known to be theirs.
//
// Doctor believes nobody: what a function may do it asks IAM (SimulatePrincipalPolicy, which
// knows boundaries and an organization's policies too), against the list by which the
// constructs grant it (contract.RouterMay and so on); what a table must have is compared with
// the shape by which they make one (package shape). It does not know what handlers were granted
// besides, the policies of keys, and the keys of storage that was brought. What cannot be asked is said, and is never well.
//
// Each command needs the permissions of what it shows, and doctor names those that are
// missing. resend needs, on the requests table, GetItem, and Query on its index of open
// requests; on the dead-letter queue, ReceiveMessage, DeleteMessage, ChangeMessageVisibility
// and GetQueueAttributes; on the work queues, SendMessage. post and disconnect need
// execute-api:ManageConnections, and forget Scan on both tables, BatchWriteItem and DeleteItem,
// and ListBucketVersions, DeleteObject and DeleteObjectVersion on the bucket.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

// How the program ends.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	exitUnwell  = 4
)

var (
	errRefused = errors.New("nothing was changed")
	errUnwell  = errors.New("something is to be done")
)

// usageError says that the command line is wrong.
type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	t := terminal{os.Stdin, os.Stdout, os.Stderr, term.IsTerminal(int(os.Stdin.Fd()))}
	status := run(ctx, os.Args[1:], os.Getenv(outputs.Variable), t)
	stop()
	os.Exit(status)
}

// terminal is where people read and answer. asks is false if nobody is there.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	asks     bool
}

// run carries out a command line on the stage whose outputs a file has, and returns how the
// program ends.
func run(ctx context.Context, args []string, file string, t terminal) int {
	c, err := parse(args, t.out)
	if err == nil {
		err = c.onStage(ctx, file, t)
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if errors.Is(err, errUnwell) { // it has been said
		return exitUnwell
	}
	fmt.Fprintln(t.err, "inspect:", err)
	var wrong usageError
	switch {
	case errors.As(err, &wrong):
		return exitUsage
	case errors.Is(err, errRefused):
		return exitRefused
	}
	return exitFailed
}

func (c chosen) onStage(ctx context.Context, file string, t terminal) error {
	at, err := c.find(ctx, file)
	if errors.Is(err, outputs.ErrNoFile) {
		return fmt.Errorf("%w (or -stack names the stage's stack)", err)
	}
	if err != nil {
		return err
	}
	s, err := newSession(at, c, t)
	if err != nil {
		return err
	}
	return c.task(ctx, s, c.args)
}

func (c chosen) find(ctx context.Context, file string) (place.Stage, error) {
	if c.stack != "" {
		return place.NamedStage(ctx, c.stack)
	}
	return place.FindStage(ctx, file)
}
