package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// command is one of those that inspect has.
type command struct {
	name, args, what string
	// setup adds the command's flags and returns what it does.
	setup func(*flag.FlagSet) task
}

// task does what a command says, with its arguments.
type task func(ctx context.Context, s *session, args []string) error

func commands() []command {
	return []command{
		{"doctor", "", "is anything wrong, and what to do about it", doctorCommand},
		{"request", "ID", "what became of a request, and why", requestCommand},
		{"requests", "", "requests of a tenant or a user, or all that are open", requestsCommand},
		{"logs", "ID", "what all functions said of a request, in time order", logsCommand},
		{"follow", "[FUNCTION]", "what a function says from now on, or all of them", followCommand},
		{"connection", "ID", "whose a connection is, and what it watches", connectionCommand},
		{"connections", "", "connections of a user, or all", connectionsCommand},
		{"queues", "", "how much waits in each queue, and for how long", queuesCommand},
		{"dead-letters", "", "what was given up, and the requests that are open", deadLettersCommand},
		{"resend", "", "send hints of dead letters and open requests again", resendCommand},
		{"post", "CONNECTION [JSON]", "send a test message to a connection", postCommand},
		{"disconnect", "[CONNECTION]", "close a connection, or all of a user", disconnectCommand},
		{"forget", "", "delete what is kept of a user, or of a tenant", forgetCommand},
	}
}

// chosen is a command with what it was given.
type chosen struct {
	task      task
	args      []string
	json, yes bool
	// stack names the stage's, if that is not the one of the outputs.
	stack string
}

// parse reads a command line. Flags may stand before and behind the arguments.
func parse(args []string, out io.Writer) (chosen, error) {
	if len(args) == 0 {
		usage(out)
		return chosen{}, usageError{errors.New("say what to look at")}
	}
	if slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		usage(out)
		return chosen{}, flag.ErrHelp
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		usage(out)
		return chosen{}, usageError{fmt.Errorf("there is no command %q", args[0])}
	}
	return all[i].parse(args[1:], out)
}

func (c command) parse(args []string, out io.Writer) (chosen, error) {
	var given chosen
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&given.json, "json", false, "print JSON, for programs")
	flags.BoolVar(&given.yes, "yes", false, "do it without a question")
	flags.StringVar(&given.stack, "stack", "", "the name of the stage's stack, in place of STREAMER_OUTPUTS")
	given.task = c.setup(flags)
	for len(args) > 0 {
		err := flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintf(out, "usage: inspect %s\n\n%s\n\n", strings.TrimSpace(c.name+" "+c.args), c.what)
			flags.SetOutput(out)
			flags.PrintDefaults()
			return given, err
		}
		if err != nil {
			return given, usageError{fmt.Errorf("%w (inspect %s -help has the flags)", err, c.name)}
		}
		if args = flags.Args(); len(args) > 0 {
			given.args, args = append(given.args, args[0]), args[1:]
		}
	}
	words := strings.Fields(c.args)
	needed := len(slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w[0] == '[' }))
	switch n := len(given.args); {
	case n < needed:
		return given, usageError{fmt.Errorf("say which: inspect %s %s", c.name, c.args)}
	case n > len(words):
		return given, usageError{fmt.Errorf("%q is one argument too many: inspect %s", given.args[len(words)], strings.TrimSpace(c.name+" "+c.args))}
	}
	return given, nil
}

func usage(out io.Writer) {
	fmt.Fprint(out, "usage: inspect COMMAND [flags]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-23s %s\n", strings.TrimSpace(c.name+" "+c.args), c.what)
	}
	fmt.Fprint(out, `
-json prints JSON, -yes answers questions, inspect COMMAND -help has the rest.
The stage is that of -stack NAME, or of the file that STREAMER_OUTPUTS names,
which cdk deploy --outputs-file wrote.
`)
}
