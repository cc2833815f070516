// Command account asks a real AWS account what no emulator can show: how API Gateway,
// SQS, S3 and the account's quotas behave where Streamer stands on them.
//
//	go run ./scripts/account list              # the questions, and what the design expects
//	go run ./scripts/account run               # ask them all, but the long ones
//	go run ./scripts/account run order ramp    # ask these
//	go run ./scripts/account run -long         # ask the long ones too: over two hours
//
// It talks to a stage that was deployed with the sample actions: STREAMER_OUTPUTS names
// the file that cdk deploy --outputs-file wrote, STREAMER_TOKEN is a token that the stage
// accepts, for as long as the run lasts, and the AWS SDK's usual settings name account and
// region. Each answer is a line: what the design expects, what was seen, and whether the
// two agree. It ends with status 1 if one does not.
//
// Nothing of the stage is changed but by the requests that it submits. The check
// "context" deploys a stack of its own, streamer-account-probe, and takes it away again;
// "old-handle" makes a queue and deletes it. A whole run costs cents.
//
// # Design
//
// A check is a question, the answer that the design stands on, and a function that sees.
// One whose answer cannot be had says why, and is never counted as agreement. On the local
// stage most checks run too, which is how they are tested; what they see there is the
// emulator and says nothing about AWS.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
)

const usage = `usage: account list
       account run [-long] [CHECK...]

STREAMER_OUTPUTS names the file that cdk deploy --outputs-file wrote,
STREAMER_TOKEN is a token that the stage accepts.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "account:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("account", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, usage) }
	long := flags.Bool("long", false, "ask what takes hours, too")
	if len(args) == 0 {
		flags.Usage()
		return flag.ErrHelp
	}
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "list":
		list(out)
		return nil
	case "run":
		chosen, err := choose(flags.Args(), *long)
		if err != nil {
			return err
		}
		s, err := newStage(ctx)
		if err != nil {
			return err
		}
		return ask(ctx, s, chosen, out)
	default:
		flags.Usage()
		return fmt.Errorf("there is no command %q", args[0])
	}
}

// choose returns the checks of these names, or all; long ones only if they are named or
// wanted.
func choose(names []string, long bool) ([]check, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return c.long && !long }), nil
	}
	var chosen []check
	for _, name := range names {
		i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no check %q: choose of %s", name, strings.Join(checkNames(), ", "))
		}
		chosen = append(chosen, checks[i])
	}
	return chosen, nil
}

func checkNames() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}
