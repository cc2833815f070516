package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const usage = `usage: stage COMMAND

  up    [DEPLOY FLAGS] [-- CDK ARGS...]  bring the local stage up, or deploy to it anew
  down                                   take it down
  run   [DEPLOY FLAGS] -- CMD ARGS...    up, CMD with the stage's environment, down;
                                         KEEP=1 in the environment: no down
  env                                    print the stage's environment as export lines
  token --tenant T --subject S [--ttl 1h]
                                         print a token that the stage accepts
  jwks                                   print the keys that tokens are checked with, for a
                                         stage in AWS that is to take them, too
  logs  [-f] [FUNCTION]                  print what the functions logged

deploy flags:
  --app CMD       the CDK app; default: what cdk.json says
  --stack NAME    the stack; default: every stack of the app
  -c KEY=VALUE    CDK context, repeatable
`

var (
	// errUsage is a mistake in the command line.
	errUsage = errors.New("usage")
	errNotUp = errors.New("no stage is up: up brings one up, here make stage")
)

func main() {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case guardArg:
			os.Exit(guardMain(os.Args[2:]))
		case daemonArg:
			if err := daemonMain(dir(os.Args[2])); err != nil {
				fmt.Fprintln(os.Stderr, "stage:", err)
				os.Exit(1)
			}
			return
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code, err := command(withGoRun(ctx), os.Args[1:])
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Print(usage)
		code = 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(os.Stderr, "stage: %v\n\n%s", err, usage)
		code = 2
	case errors.Is(err, errShown):
		code = 1
	case err != nil:
		fmt.Fprintln(os.Stderr, "stage:", err)
		code = 1
	}
	os.Exit(code)
}

// command carries out one command and returns the program's exit code.
func command(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		return 2, fmt.Errorf("%w: which command?", errUsage)
	}
	name, args := args[0], args[1:]
	d, err := stageDir()
	if err != nil {
		return 1, err
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() {}
	flags.SetOutput(io.Discard)
	parse := func() error {
		if err := flags.Parse(args); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return nil
	}
	switch name {
	case "help", "-h", "-help", "--help":
		return 0, flag.ErrHelp
	case "up":
		what := deployFlags(flags)
		if err := parse(); err != nil {
			return 2, err
		}
		what.args = flags.Args()
		return 0, upCommand(ctx, d, *what)
	case "run":
		what := deployFlags(flags)
		if err := parse(); err != nil {
			return 2, err
		}
		if flags.NArg() == 0 {
			return 2, fmt.Errorf("%w: run needs a command", errUsage)
		}
		keep := os.Getenv("KEEP") == "1"
		return run(ctx, d, *what, keep, flags.Args(), newSteps(d, os.Stderr))
	case "down":
		if err := parse(); err != nil {
			return 2, err
		}
		return 0, down(ctx, d, newSteps(d, os.Stdout))
	case "env":
		data, err := os.ReadFile(d.env())
		if errors.Is(err, fs.ErrNotExist) {
			return 1, errNotUp
		}
		if err != nil {
			return 1, fmt.Errorf("read the stage's variables: %w", err)
		}
		_, err = os.Stdout.Write(data)
		return 0, err
	case "token":
		tenant := flags.String("tenant", "", "")
		subject := flags.String("subject", "", "")
		ttl := flags.Duration("ttl", time.Hour, "")
		if err := parse(); err != nil {
			return 2, err
		}
		if *tenant == "" || *subject == "" || flags.NArg() > 0 {
			return 2, fmt.Errorf("%w: token needs --tenant and --subject", errUsage)
		}
		return 0, tokenCommand(d, *tenant, *subject, *ttl)
	case "jwks":
		if err := parse(); err != nil {
			return 2, err
		}
		return 0, jwksCommand(d)
	case "logs":
		follow := flags.Bool("f", false, "")
		if err := parse(); err != nil {
			return 2, err
		}
		return 0, logs(ctx, d, flags.Arg(0), *follow, os.Stdout)
	}
	return 2, fmt.Errorf("%w: no command %q", errUsage, name)
}

func upCommand(ctx context.Context, d dir, what deployment) error {
	out := newSteps(d, os.Stdout)
	s, err := up(ctx, d, what, out)
	if err != nil {
		return err
	}
	if s.tie != nil {
		if err := s.tie.stay(); err != nil {
			return err
		}
	}
	out.say("up", s.address()+"   (variables: .stage/env)")
	return nil
}

func tokenCommand(d dir, tenant, subject string, ttl time.Duration) error {
	k, err := loadKey(d)
	if err != nil {
		return err
	}
	token, err := k.token(tenant, subject, ttl, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Println(token)
	return err
}

func jwksCommand(d dir) error {
	keys, err := publishedKeys(d)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n", keys)
	return err
}

// deployFlags are the flags of commands that deploy.
func deployFlags(flags *flag.FlagSet) *deployment {
	what := &deployment{}
	flags.StringVar(&what.app, "app", "", "")
	flags.StringVar(&what.stack, "stack", "", "")
	flags.Func("c", "", func(pair string) error {
		if !strings.Contains(pair, "=") {
			return errors.New("want KEY=VALUE")
		}
		what.context = append(what.context, pair)
		return nil
	})
	return what
}
