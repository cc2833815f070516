// Command deploy brings a stage of infra/stages into an AWS account, and takes it out
// again. It is what make calls:
//
//	go run ./scripts/deploy up dev        # make deploy STAGE=dev
//	go run ./scripts/deploy outputs dev   # make outputs STAGE=dev
//	go run ./scripts/deploy down dev      # make destroy STAGE=dev
//
// Credentials and region are the AWS SDK's usual settings, AWS_PROFILE and AWS_REGION
// among them; the stage's settings are those of package stages, STREAMER_ISSUER and
// STREAMER_AUDIENCE among them. All it writes is .deploy/<stage>, what the CDK made of the
// app, and .deploy/<stage>.json, the stack's outputs.
//
//	up [-yes] [-c KEY=VALUE]... STAGE
//
// looks for whatever is missing or wrong before it touches the account, says what it is
// about to do, and deploys. An account and region that were never bootstrapped are, after a
// question. The CDK asks before it widens permissions. Where nobody can be asked, -yes
// answers both.
//
//	outputs STAGE
//
// fetches the outputs of a stage that somebody else deployed.
//
//	down [-yes] [-c KEY=VALUE]... STAGE
//
// says what goes and what stays, asks for the stage's name, and removes the stack. It
// removes neither a stack that is protected from termination nor one with a bucket that
// AWS would refuse to remove, and says how to lift the one and empty the other: it does
// neither itself.
//
// # Design
//
// The app is synthesized once, and what was looked at is what is deployed. What is said of
// it (whose tokens open a connection, who is told of alarms) is read from the template, not
// from the settings that led to it, so it is true however they came.
//
// CloudFormation rolls a failed deployment back by itself; this program only says what
// state that left.
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
	"syscall"

	"github.com/pay-theory/streamer/internal/place"
)

const usage = `usage: deploy up      [-yes] [-c KEY=VALUE]... STAGE
       deploy outputs STAGE
       deploy down    [-yes] [-c KEY=VALUE]... STAGE
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], terminal{os.Stdin, os.Stdout}); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

// command is what was asked for.
type command struct {
	stage string
	// yes answers every question.
	yes     bool
	context []string // of the CDK, KEY=VALUE
}

// stack is the name that package stages gives the stack of a stage.
func (c command) stack() string { return "Streamer-" + c.stage }

func run(ctx context.Context, args []string, term terminal) error {
	verb, c, err := parse(args, term.out)
	if err != nil {
		return err
	}
	at, err := place.Locate(ctx)
	if err != nil {
		return err
	}
	switch verb {
	case "up":
		return up(ctx, c, at, term)
	case "outputs":
		return writeOutputs(ctx, c, at, term.out)
	default:
		return down(ctx, c, at, term)
	}
}

func parse(args []string, out io.Writer) (verb string, c command, err error) {
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, usage) }
	if len(args) == 0 {
		flags.Usage()
		return "", c, errors.New("say up, outputs or down")
	}
	verb = args[0]
	switch verb {
	case "up", "down":
		flags.BoolVar(&c.yes, "yes", false, "")
		flags.Func("c", "", func(pair string) error {
			if !strings.Contains(pair, "=") {
				return errors.New("want KEY=VALUE")
			}
			c.context = append(c.context, pair)
			return nil
		})
	case "outputs":
	case "-h", "-help", "--help":
		flags.Usage()
		return "", c, flag.ErrHelp
	default:
		flags.Usage()
		return "", c, fmt.Errorf("%q is none of up, outputs and down", verb)
	}
	if err := flags.Parse(args[1:]); err != nil {
		return "", c, err
	}
	if flags.NArg() != 1 || flags.Arg(0) == "" {
		return "", c, errors.New("say which stage: make deploy STAGE=dev")
	}
	c.stage = flags.Arg(0)
	return verb, c, nil
}
