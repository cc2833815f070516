package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/resources"
)

// up deploys a stage.
func up(ctx context.Context, c command, at place.Place, term terminal) error {
	client := cloudformation.NewFromConfig(at.Config)
	before, err := resources.Describe(ctx, client, c.stack())
	if err != nil {
		return err
	}
	state, err := deployable(before)
	if err != nil {
		return err
	}
	fmt.Fprintln(term.out, "building", c.stack())
	if err := cdk(ctx, at, term, append([]string{"synth", "--quiet"}, c.fromApp()...)...); err != nil {
		return err
	}
	made, err := readAssembly(c.assembly(), c.stack())
	if err != nil {
		return err
	}
	version, err := bootstrapped(ctx, client)
	if err != nil {
		return err
	}

	fmt.Fprintln(term.out, "what will be done")
	term.say("where", "%s", at)
	term.say("stack", "%s: %s", c.stack(), state)
	if err := c.sayTokens(ctx, made.template, term); err != nil {
		return err
	}
	sayAlarms(made.template, term)
	if version < made.bootstrap {
		term.say("bootstrap", "%s has version %d of the CDK's bootstrap stack and needs %d: cdk bootstrap makes %s,", at.Environment(), version, made.bootstrap, toolkit)
		term.say("", "with a bucket for what is deployed and roles that may do everything in the account")
		if err := c.ask(term, "Bootstrap it?", "y"); err != nil {
			return err
		}
		if err := cdk(ctx, at, term, "bootstrap", at.Environment()); err != nil {
			return err
		}
	}
	arguments := []string{"deploy", c.stack(), "--app", c.assembly()}
	if c.yes {
		arguments = append(arguments, "--require-approval", "never")
	}
	failure := cdk(ctx, at, term, arguments...)
	after, err := resources.Describe(context.WithoutCancel(ctx), client, c.stack())
	if failure != nil {
		if err == nil {
			failure = fmt.Errorf("%w\n%s: %s", failure, c.stack(), afterFailure(after))
		}
		return failure
	}
	if err != nil {
		return err
	}
	if after == nil {
		return fmt.Errorf("the stack %s is gone as soon as it was deployed", c.stack())
	}
	if err := c.save(after); err != nil {
		return err
	}
	c.sayNext(resources.Outputs(after), at, term)
	return nil
}

// sayTokens says whose tokens will open a connection. It asks whether to go on if their
// keys cannot be had.
func (c command) sayTokens(ctx context.Context, t template, term terminal) error {
	config, err := t.auth()
	if err != nil {
		return err
	}
	var auth contract.Auth
	if config != "" {
		if err := json.Unmarshal([]byte(config), &auth); err != nil {
			return fmt.Errorf("%s: %w", contract.EnvAuth, err)
		}
	}
	switch {
	case config == "":
		term.say("tokens", "NONE: every connection is refused until STREAMER_ISSUER and STREAMER_AUDIENCE say whose")
	case auth.Anonymous:
		term.say("tokens", "NOT NEEDED: everybody is let in")
	default:
		term.say("tokens", "those of %s for %s", auth.Issuer, strings.Join(auth.Audiences, ", "))
		keys, err := authorizer.CheckKeys(ctx, config)
		if err != nil {
			term.say("", "WHICH NOBODY COULD CHECK: %v", err)
			return c.ask(term, "Deploy it all the same?", "y")
		}
		term.say("", "keys of the issuer: %d", keys)
	}
	return nil
}

func sayAlarms(t template, term terminal) {
	switch all, tell := t.alarms(); {
	case all > 0 && tell == 0:
		term.say("alarms", "%d, which tell NOBODY: STREAMER_ALARM_TOPIC is the ARN of the SNS topic to tell", all)
	default:
		term.say("alarms", "%d, of which %d tell somebody", all, tell)
	}
}

// sayNext says what to do with a stage that was deployed.
func (c command) sayNext(outputs map[string]string, at place.Place, term terminal) {
	file := c.outputsFile()
	fmt.Fprintln(term.out, "\ndeployed")
	term.say("clients", "%s", outputs[contract.OutputWebSocketURL])
	term.say("outputs", "%s", file)
	if name := outputs[contract.OutputDashboardName]; name != "" && at.Emulator == "" {
		term.say("dashboard", "%s", at.Dashboard(name))
	}
	fmt.Fprintln(term.out, "next, with a token of your issuer as STREAMER_TOKEN")
	term.say("try it", "STREAMER_WS_URL=%s go run ./client/demo echo_async '{\"message\":\"hello\"}'", outputs[contract.OutputWebSocketURL])
	term.say("", "make account OUTPUTS=%s    what only an account can show", file)
	term.say("", "make integ OUTPUTS=%s      the integration tests, for whoever has the issuer's key (integ/doc.go)", file)
	term.say("watch it", "make dashboard OUTPUTS=%s", file)
	term.say("", "make inspect OUTPUTS=%s    is anything wrong, and what to do", file)
	term.say("remove it", "make destroy STAGE=%s", c.stage)
}
