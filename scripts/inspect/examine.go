package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	functions "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/pay-theory/streamer/functions/authorizer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/resources"
)

// The chapters that findings send their reader to.
const (
	runbook   = "RUNBOOK.md#"
	operating = "OPERATING.md#"
)

func checkStack(ctx context.Context, p *patient) ([]finding, error) {
	stack, err := resources.Describe(ctx, cloudformation.NewFromConfig(p.Config), p.Stack.Name)
	if err != nil {
		return nil, err
	}
	if stack == nil {
		return []finding{wrong("deploy it: "+operating+"deploying", "there is no stack %s here", p.Stack.Name)}, nil
	}
	changed := stack.LastUpdatedTime
	if changed == nil {
		changed = stack.CreationTime
	}
	when := age(aws.ToTime(changed), p.now) + " ago"
	switch status := string(stack.StackStatus); {
	case strings.HasSuffix(status, "_IN_PROGRESS"):
		return []finding{know("look again when it is over", "%s: somebody deploys it", status)}, nil
	case status == "UPDATE_ROLLBACK_COMPLETE":
		return []finding{know("see in the stack's events why, and deploy again: "+operating+"a-deployment-that-fails", "the last deployment was taken back, %s: the version before it runs", when)}, nil
	case status == "CREATE_COMPLETE", status == "UPDATE_COMPLETE", status == "IMPORT_COMPLETE":
		return []finding{ok("deployed %s (%s)", when, status)}, nil
	default:
		return []finding{wrong(operating+"a-deployment-that-fails", "%s since %s", status, when)}, nil
	}
}

// checkTokens asks whether anybody can connect.
func checkTokens(ctx context.Context, p *patient) ([]finding, error) {
	who, router, err := p.settings(ctx)
	if err != nil {
		return nil, err
	}
	switch config := who[contract.EnvAuth]; {
	case router[contract.EnvIAM] != "":
		return []finding{ok("callers sign with IAM")}, nil
	case who == nil:
		return []finding{know("", "an authorizer that is none of Streamer's says who connects")}, nil
	case config == "":
		return []finding{wrong("set STREAMER_ISSUER and STREAMER_AUDIENCE and deploy: "+operating+"deploying", "nobody can connect: it is not known whose tokens are good")}, nil
	default:
		var auth contract.Auth
		if err := json.Unmarshal([]byte(config), &auth); err != nil {
			return nil, fmt.Errorf("read %s: %w", contract.EnvAuth, err)
		}
		if auth.Anonymous {
			return []finding{know("give an issuer, unless that is meant: "+operating+"deploying", "everybody may connect, without a token")}, nil
		}
		keys, err := authorizer.CheckKeys(ctx, config)
		if err != nil {
			return []finding{wrong("see that the issuer answers: the keys that are known are used for a day", "no keys of %s: %v", auth.Issuer, err)}, nil
		}
		return []finding{ok("tokens of %s for %s, %s", auth.Issuer, strings.Join(auth.Audiences, ", "), count(keys, "key"))}, nil
	}
}

// settings are the variables of the authorizer, nil if the stack has none, and of the router.
func (p *patient) settings(ctx context.Context) (authorizer, router map[string]string, err error) {
	for _, g := range p.groups {
		if g.Label != contract.FunctionAuthorizer && g.Label != contract.FunctionRouter {
			continue
		}
		f, err := p.function(ctx, g.Function)
		if err != nil {
			return nil, nil, err
		}
		if g.Label == contract.FunctionRouter {
			router = variables(f)
		} else {
			authorizer = variables(f)
		}
	}
	return authorizer, router, nil
}

// function looks at a function, once.
func (p *patient) function(ctx context.Context, name string) (*lambda.GetFunctionConfigurationOutput, error) {
	if known := p.functions[name]; known != nil {
		return known, nil
	}
	out, err := lambda.NewFromConfig(p.Config).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return nil, fmt.Errorf("look at the function %s: %w", name, err)
	}
	p.functions[name] = out
	return out, nil
}

func variables(f *lambda.GetFunctionConfigurationOutput) map[string]string {
	if f.Environment == nil {
		return map[string]string{}
	}
	return f.Environment.Variables
}

func checkFunctions(ctx context.Context, p *patient) ([]finding, error) {
	var found []finding
	for _, name := range p.of("AWS::Lambda::Function") {
		out, err := p.function(ctx, name)
		if err != nil {
			return found, err
		}
		// A function that nobody ran for weeks is inactive, and wakes up when it is called.
		if out.State == functions.StateFailed || out.LastUpdateStatus == functions.LastUpdateStatusFailed {
			found = append(found, wrong("deploy again", "%s is %s, its last update %s: %s%s", name, out.State, out.LastUpdateStatus, aws.ToString(out.StateReason), aws.ToString(out.LastUpdateStatusReason)))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("%s can run", count(len(p.of("AWS::Lambda::Function")), "function")))
	}
	return found, nil
}

// checkSources looks at what brings work to functions.
func checkSources(ctx context.Context, p *patient) ([]finding, error) {
	ids := p.of("AWS::Lambda::EventSourceMapping")
	var found []finding
	for _, id := range ids {
		out, err := p.source(ctx, id)
		if err != nil {
			return found, err
		}
		what := p.labelOf(aws.ToString(out.FunctionArn))
		if state := aws.ToString(out.State); state != "Enabled" {
			found = append(found, wrong("aws lambda update-event-source-mapping --uuid "+id+" --enabled", "%s gets no work: its mapping is %s", the(what), state))
		}
		if result := aws.ToString(out.LastProcessingResult); strings.HasPrefix(result, "PROBLEM") {
			found = append(found, wrong(p.follow(what), "the mapping of %s says %s", the(what), result))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("%s bring work", count(len(ids), "mapping")))
	}
	return found, nil
}

func (p *patient) source(ctx context.Context, id string) (*lambda.GetEventSourceMappingOutput, error) {
	out, err := lambda.NewFromConfig(p.Config).GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: &id})
	if err != nil {
		return nil, fmt.Errorf("look at the event source mapping %s: %w", id, err)
	}
	return out, nil
}

// labelOf is what people call the function of an ARN.
func (p *patient) labelOf(arn string) string {
	for _, g := range p.groups {
		if strings.Contains(arn+":", ":"+g.Function+":") { // it may end with an alias
			return g.Label
		}
	}
	_, function, _ := strings.Cut(arn, ":function:")
	return function
}

// reconcilerLate is when a run of the reconciler, of which there is one every five minutes,
// is missed.
const reconcilerLate = 11 * time.Minute

func checkReconciler(ctx context.Context, p *patient) ([]finding, error) {
	groups := slices.DeleteFunc(slices.Clone(p.groups), func(g logs.Group) bool { return g.Label != contract.FunctionReconciler })
	lines, err := logs.Read(ctx, p.Config, groups, p.now.Add(-reconcilerLate), `"reconciled"`)
	if err != nil {
		return nil, err
	}
	for _, line := range slices.Backward(lines) {
		e := read(line)
		if e.said.words != "reconciled" {
			continue
		}
		if e.value("unfinished") == "true" {
			return []finding{wrong(runbook+"oldest-waiting", "its last run, %s ago, had not the time for all open requests", age(e.Time, p.now))}, nil
		}
		return []finding{ok("ran %s ago", age(e.Time, p.now))}, nil
	}
	rule := strings.Join(p.of("AWS::Events::Rule"), " ")
	f := wrong("inspect follow reconciler -since 1h; and aws events describe-rule --name "+rule+" must say ENABLED", "it has not run for %s: hints that are lost stay lost", hours(reconcilerLate))
	if p.Emulator != "" {
		f = know("", "it has not run yet, or not for %s: the local stage runs it every five minutes", hours(reconcilerLate))
	}
	return []finding{f}, nil
}

// tooLate is how long a request may wait that is due: the reconciler has sent its hint again
// by then.
const tooLate = 5 * time.Minute

func checkQueues(ctx context.Context, p *patient) ([]finding, error) {
	all, err := depths(ctx, p.session)
	if err != nil {
		return nil, err
	}
	var found []finding
	open := 0
	for _, q := range all {
		open += q.Open
		switch late := time.Duration(q.LateMS) * time.Millisecond; {
		case q.Name == deadLettersName && q.Waiting+q.InWork > 0:
			found = append(found, wrong("inspect dead-letters; then "+runbook+"dead-letters", "%s", count(q.Waiting+q.InWork, "dead letter")))
		case q.Name == undispatchedName && q.Waiting+q.InWork > 0:
			found = append(found, wrong(runbook+"undispatched", "the dispatcher gave up %s of the stream", count(q.Waiting+q.InWork, "part")))
		case late > tooLate:
			found = append(found, wrong("inspect queues; then "+runbook+"oldest-waiting", "a request for %s has been due for %s", q.Name, span(late)))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("no dead letters, %s, none late", count(open, "open request")))
	}
	return found, nil
}

// lately is how far back errors are looked for.
const lately = time.Hour

// refused are the words of AWS, and of our functions, for a missing permission.
var refused = regexp.MustCompile(`AccessDenied|not authorized|lacks [a-z0-9-]+:[A-Za-z]+`)

// calm reports whether a line of ours tells of no error, as nearly all do: those need not be
// read any further.
func calm(line string) bool {
	_, level, has := strings.Cut(line, `","level":"`)
	return has && strings.HasPrefix(line, `{"time":"`) && !strings.HasPrefix(level, "ERROR")
}

// readErrors reads what went wrong lately.
func (p *patient) readErrors(ctx context.Context) (all []entry, err error) {
	lines, err := logs.Read(ctx, p.Config, p.groups, p.now.Add(-lately), "")
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		if calm(line.Message) {
			continue
		}
		if e := read(line); e.failed() {
			all = append(all, e)
		}
	}
	return all, nil
}

// errorsOf are those of what went wrong lately that are refusals, or the others.
func (p *patient) errorsOf(refusals bool) ([]entry, error) {
	all, err := p.errors()
	return slices.DeleteFunc(slices.Clone(all), func(e entry) bool { return refused.Match(e.Line) != refusals }), err
}

func checkErrors(ctx context.Context, p *patient) ([]finding, error) {
	all, err := p.errorsOf(false)
	if err != nil {
		return nil, err
	}
	var found []finding
	for _, of := range byFunction(all) {
		last := of[len(of)-1]
		found = append(found, know(p.follow(last.Function), "%s told of %s in the last hour, the last %s ago: %s",
			the(last.Function), count(len(of), "error"), age(last.Time, p.now), last.why()))
	}
	var names []string
	for _, g := range p.groups {
		names = append(names, g.Function)
	}
	crashes, err := p.measured(ctx, "AWS/Lambda", "Errors", "FunctionName", names, "Sum", lately)
	if err != nil {
		return found, err
	}
	for _, g := range p.groups {
		crashed := 0
		for _, n := range crashes[g.Function] {
			crashed += int(n)
		}
		chapter := "function-errors"
		if _, worker := p.workers[g.Label]; worker {
			chapter = "worker-errors"
		}
		if crashed > 0 {
			found = append(found, know(p.follow(g.Label)+"; then "+runbook+chapter, "%s of %s crashed in the last hour, or ran out of time or memory", count(crashed, "run"), the(g.Label)))
		}
	}
	if len(found) == 0 {
		found = append(found, ok("no function crashed or told of an error in the last hour"))
	}
	return found, nil
}

// follow is the command that shows what a function told of lately.
func (p *patient) follow(function string) string {
	return "inspect follow " + function + " -since 1h -errors -once"
}

// byFunction puts entries together by their functions, in the order of the first.
func byFunction(all []entry) (groups [][]entry) {
	at := map[string]int{}
	for _, e := range all {
		i, seen := at[e.Function]
		if !seen {
			i = len(groups)
			at[e.Function], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], e)
	}
	return groups
}

func checkRetention(ctx context.Context, p *patient) ([]finding, error) {
	client := cloudwatchlogs.NewFromConfig(p.Config)
	var forever []string
	for _, g := range p.groups {
		out, err := client.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &g.Name})
		if err != nil {
			return nil, fmt.Errorf("look at the log of the %s: %w", g.Label, err)
		}
		for _, found := range out.LogGroups {
			if aws.ToString(found.LogGroupName) == g.Name && found.RetentionInDays == nil {
				forever = append(forever, g.Label)
			}
		}
	}
	if len(forever) > 0 {
		return []finding{know("StreamerProps.LogRetention", "logs are kept for ever, and paid for: %s", strings.Join(forever, ", "))}, nil
	}
	return []finding{ok("%s, each forgotten in time", count(len(p.groups), "log"))}, nil
}
