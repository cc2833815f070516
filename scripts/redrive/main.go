// Command redrive is for the operator of a stage: it shows the dead letters and the open
// requests, and sends their hints again.
//
//	go run ./scripts/redrive list                       # the stage that STREAMER_OUTPUTS names
//	go run ./scripts/redrive send -id 01J… -id 01K…     # what would be done
//	go run ./scripts/redrive send -older-than 10m -yes  # do it
//	go run ./scripts/redrive send -all -yes
//
// A hint says which request to look at and nothing more, so sending one too many is
// harmless, and so is running this again or twice at once. No request's status is changed
// here: the processor decides, by the request's row, what a hint is good for.
//
// # Design
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
// It needs, on the requests table, GetItem, and Query on its index of open requests; on
// the dead-letter queue, ReceiveMessage, DeleteMessage, ChangeMessageVisibility and
// GetQueueAttributes; on the work queues, SendMessage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/pay-theory/streamer/internal/outputs"
)

const usage = `usage: redrive list
       redrive send (-id ID... | -older-than DURATION | -all) [-discard] [-yes]

STREAMER_OUTPUTS names the file that cdk deploy --outputs-file wrote.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "redrive:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	c, err := parse(args, out)
	if err != nil {
		return err
	}
	s, err := readStage(ctx, os.Getenv(outputs.Variable))
	if err != nil {
		return err
	}
	return s.redrive(ctx, c, time.Now(), out)
}

// command is what the operator asked for.
type command struct {
	// list shows everything and does nothing.
	list bool
	selection
	// discard also deletes the selected dead letters that nobody can read.
	discard bool
	// yes does what otherwise is only shown.
	yes bool
}

func parse(args []string, out io.Writer) (command, error) {
	flags := flag.NewFlagSet("redrive", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	var c command
	flags.Func("id", "a request's id, or the message id of a dead letter that nobody can read; may be given again", func(id string) error {
		if id == "" {
			return errors.New("no id")
		}
		c.ids = append(c.ids, id)
		return nil
	})
	flags.DurationVar(&c.olderThan, "older-than", 0, "dead letters sent, and open requests waiting, for longer than this")
	flags.BoolVar(&c.all, "all", false, "every dead letter and every open request")
	flags.BoolVar(&c.discard, "discard", false, "delete the selected dead letters that nobody can read")
	flags.BoolVar(&c.yes, "yes", false, "do it; otherwise only show what would be done")
	if len(args) == 0 {
		flags.Usage()
		return c, errors.New("say list or send")
	}
	verb := args[0]
	if strings.HasPrefix(verb, "-") { // -help, or flags before the verb
		if err := flags.Parse(args); err != nil {
			return c, err
		}
		return c, errors.New("say list or send first")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	switch verb {
	case "list":
		if flags.NFlag() > 0 {
			return c, errors.New("list takes no flags: it shows everything")
		}
		c.list, c.all = true, true
		return c, nil
	case "send":
		return c, c.validate()
	}
	return c, fmt.Errorf("%q is neither list nor send", verb)
}

// selection says which dead letters and open requests are meant: one of the three.
type selection struct {
	ids       []string
	olderThan time.Duration
	all       bool
}

func (s selection) validate() error {
	given := 0
	for _, is := range []bool{len(s.ids) > 0, s.olderThan != 0, s.all} {
		if is {
			given++
		}
	}
	if given != 1 {
		return errors.New("say which with one of -id, -older-than and -all")
	}
	if s.olderThan < 0 {
		return fmt.Errorf("-older-than is %s: it must be above zero", s.olderThan)
	}
	return nil
}
