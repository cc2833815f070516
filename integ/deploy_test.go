package integ_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	sdk "github.com/pay-theory/streamer/client"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/protocol"
)

// While ten requests a second come, every function is replaced; a deployment that puts them
// back fails at a resource that cannot be made, another one at a function whose code is not
// there, and a third at one that does not start, so that CloudFormation takes each back; and
// the functions are put back. No request is lost: each ends once, and its client hears of it,
// the Go client by itself. What does not start is never given any work: until its deployment
// is taken back, and then, the version before does it.
func TestDeployUnderLoad(t *testing.T) {
	s := local(t, "a stack that may be changed")
	stack := newChangedStack(t, s)
	l := newLoad(t, 8)
	c := connect(t, s, fresh(), sdk.Options{})
	dispatcher := stack.id(t, "Dispatcher")
	for _, step := range []struct {
		what    string
		version template
		status  cfntypes.StackStatus
		changed bool   // the functions, at the end
		refuses string // the function that refuses
		broken  bool   // the dispatcher does not start
	}{
		{"every function changes", stack.changed(t), cfntypes.StackStatusUpdateComplete, true, "", false},
		{"a resource cannot be made", stack.impossible(t), cfntypes.StackStatusUpdateRollbackComplete, true, "", false},
		{"a function's code is not there", stack.codeless(t), cfntypes.StackStatusUpdateRollbackComplete, true, stack.id(t, "Router"), false},
		{"a function does not start", stack.broken(t), cfntypes.StackStatusUpdateRollbackComplete, true, "", true},
		{"and all is put back", stack.original(t), cfntypes.StackStatusUpdateComplete, false, "", false},
	} {
		before, lived, since := stack.code(t), stack.live(t), time.Now()
		run, err := sdk.Submit(t.Context(), c, handlers.EchoAsync, echoFor(3*time.Second, 30), nil)
		if err != nil {
			t.Fatal(err)
		}
		l.during(func() {
			var meanwhile sync.WaitGroup
			if step.broken {
				meanwhile.Go(func() { stack.worksWhileBroken(t, c, dispatcher) })
			}
			if status := stack.deploy(t.Context(), t, step.version); status != step.status {
				t.Errorf("%s: the stack is %s, want %s", step.what, status, step.status)
			}
			meanwhile.Wait()
		})
		for function, code := range stack.code(t) {
			if changed := code.version != stack.before[function].version; changed != step.changed {
				t.Errorf("%s: %s differs from the first version: %v", step.what, function, changed)
			}
			if alone := code.updated == before[function].updated; alone != (function == step.refuses) {
				t.Errorf("%s: %s was left alone: %v", step.what, function, alone)
			}
		}
		for function, version := range stack.live(t) {
			if moved := version != lived[function]; moved != (step.status == cfntypes.StackStatusUpdateComplete) {
				t.Errorf("%s: %s ran as version %s and runs as %s", step.what, function, lived[function], version)
			}
		}
		l.run(500 * time.Millisecond)
		l.settle()
		if got := marks(t, run); !slices.Equal(got, []protocol.Status{protocol.Pending, protocol.Completed}) {
			t.Errorf("%s: the Go client saw %q", step.what, got)
		}
		if step.broken {
			// It was asked whether it works, and so was the one before when it was put back.
			if runs := stack.runs(t, "dispatcher", since); len(runs) != 2 || runs["$LATEST"] != 2 || runs[lived[dispatcher]] == 0 {
				t.Errorf("%s: by version it ran %v times, and %s is live", step.what, runs, lived[dispatcher])
			}
		}
	}
	l.finish()
}

// worksWhileBroken sees a request end while a function lacks a variable that it does not start
// without.
func (c *changedStack) worksWhileBroken(t *testing.T, client *sdk.Client, function string) {
	broken := func() bool {
		name := c.functions[function]
		out, err := c.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			t.Error(err)
			return false
		}
		return out.Environment.Variables[contract.EnvWorkQueueURL] == ""
	}
	for end := time.Now().Add(patience); !broken(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("%s was never broken", function)
			return
		}
	}
	run, err := sdk.Submit(t.Context(), client, handlers.EchoAsync, echoFor(0, 1), nil)
	if err == nil {
		_, err = run.Result(t.Context())
	}
	if err != nil || !broken() {
		t.Errorf("no request ended while %s was broken: %v", function, err)
	}
}

var started = regexp.MustCompile(`^START RequestId: \S+ Version: (\S+)`)

// runs counts those of a function since then, by its version.
func (c *changedStack) runs(t *testing.T, function string, since time.Time) map[string]int {
	t.Helper()
	cfg := awsConfig(t)
	groups, err := logs.Groups(t.Context(), cfg, c.name)
	if err != nil {
		t.Fatal(err)
	}
	groups = slices.DeleteFunc(groups, func(g logs.Group) bool { return g.Label != function })
	lines, err := logs.Read(t.Context(), cfg, groups, since, "")
	if err != nil {
		t.Fatal(err)
	}
	runs := map[string]int{}
	for _, line := range lines {
		if of := started.FindStringSubmatch(line.Message); of != nil {
			runs[of[1]]++
		}
	}
	return runs
}

// load is ten requests a second, from devices that hold on to what they asked for.
type load struct {
	t       *testing.T
	mark    string
	devices []*device
	asked   int
}

func newLoad(t *testing.T, sockets int) *load {
	t.Helper()
	u, mark := marked()
	l := &load{t: t, mark: mark}
	for _, c := range crowd(t, u, sockets) {
		l.devices = append(l.devices, newDevice(u, c))
	}
	return l
}

// ask asks for one more request.
func (l *load) ask(work time.Duration) (d *device, key string) {
	d, key = l.devices[l.asked%len(l.devices)], fmt.Sprintf("order-%d", l.asked)
	d.ask(l.t, l.mark, key, work)
	l.asked++
	return d, l.mark + "-" + key
}

// tick asks for one request, and for what was not answered, and waits for the next.
func (l *load) tick() {
	next := time.Now().Add(100 * time.Millisecond)
	l.ask(time.Duration(l.asked%8) * 250 * time.Millisecond)
	l.open()
	time.Sleep(time.Until(next))
}

// open are the requests of which the end has not come.
func (l *load) open() (open []*asked) {
	for _, d := range l.devices {
		d.look(l.t)
		open = append(open, d.persist(l.t)...)
	}
	return open
}

func (l *load) run(duration time.Duration) {
	for end := time.Now().Add(duration); time.Now().Before(end); {
		l.tick()
	}
}

// during goes on while something is done, which begins when a long request is under way.
func (l *load) during(something func()) {
	d, asked := l.ask(3 * time.Second)
	a := d.asked[asked]
	for begun := false; !begun && !a.ended; l.tick() {
		begun = slices.ContainsFunc(a.conn.of(a.id), func(f frame) bool { return a.id != "" && f.Type() == protocol.TypeProgress })
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		something()
	}()
	for {
		select {
		case <-done:
			return
		default:
			l.tick()
		}
	}
}

// settle waits for the end of everything, and returns how long it took.
func (l *load) settle() time.Duration {
	l.t.Helper()
	start := time.Now()
	for end := start.Add(patience); len(l.open()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			for _, a := range l.open() {
				l.t.Errorf("lost: %q, asked for as %s", a.id, a.message.ID)
			}
			l.t.FailNow()
		}
	}
	return time.Since(start)
}

// finish waits for the end of everything and holds it against the rows.
func (l *load) finish() {
	l.t.Helper()
	took := l.settle()
	again, known := 0, 0
	outcomes := map[string]int{}
	for _, d := range l.devices {
		d.conn().forgive()
		for id, a := range d.asked {
			if id == a.message.ID {
				again += a.tries - 1
			}
		}
		came, _ := d.check(l.t)
		for outcome, n := range came {
			outcomes[outcome] += n
			known += n
			if !strings.HasPrefix(outcome, string(protocol.Completed)) {
				l.t.Errorf("%d are %s", n, outcome)
			}
		}
	}
	l.t.Logf("%d requests: %v; %d messages sent again; the last end came %.1f s after the load", l.asked, outcomes, again, took.Seconds())
	if known != l.asked {
		l.t.Errorf("%d were asked for, and %d requests are known", l.asked, known)
	}
}

// template is a CloudFormation template.
type template map[string]any

func (tpl template) resources() map[string]any { return tpl["Resources"].(map[string]any) }

// properties are those of each resource of a type, by logical id.
func (tpl template) properties(kind string) map[string]map[string]any {
	found := map[string]map[string]any{}
	for id, r := range tpl.resources() {
		if r := r.(map[string]any); r["Type"] == kind {
			found[id] = r["Properties"].(map[string]any)
		}
	}
	return found
}

// changedStack is the stage's own stack, put back when the test has ended.
type changedStack struct {
	name      string
	endpoint  string
	client    *cloudformation.Client
	lambda    *lambda.Client
	s3        *s3.Client
	bucket    string // of what is deployed
	template  string
	functions map[string]string // their names, by logical id
	before    map[string]code
}

// code is what a function runs.
type code struct{ version, updated string }

func newChangedStack(t *testing.T, s *stage) *changedStack {
	t.Helper()
	cfg := awsConfig(t)
	c := &changedStack{
		name: s.name, endpoint: s.endpoint, functions: map[string]string{},
		client: cloudformation.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), s3: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
	}
	got, err := c.client.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	c.template = aws.ToString(got.TemplateBody)
	for id, p := range c.original(t).properties("AWS::Lambda::Function") {
		c.functions[id] = resourceOf(t, cfg, s, "AWS::Lambda::Function", id)
		c.bucket = p["Code"].(map[string]any)["S3Bucket"].(string)
	}
	c.before = c.code(t)
	t.Cleanup(func() {
		if maps.Equal(versions(c.code(t)), versions(c.before)) {
			return
		}
		if status := c.deploy(context.WithoutCancel(t.Context()), t, c.original(t)); status != cfntypes.StackStatusUpdateComplete {
			t.Errorf("put back: the stack is %s", status)
		}
	})
	c.packAgain(t)
	hastenQueues(t, cfg, s)
	return c
}

// hastenQueues lets a message whose run was killed before its first call come again soon,
// until the test ends. That time is above the longest run of a processor, which is 16
// minutes, and the processor itself shortens it with its first call.
func hastenQueues(t *testing.T, cfg aws.Config, s *stage) {
	t.Helper()
	client := sqs.NewFromConfig(cfg)
	for _, action := range []string{"echo_async", "generate_report"} {
		url := workQueue(t, action)
		const visibility = "VisibilityTimeout"
		got, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []sqstypes.QueueAttributeName{visibility}})
		if err != nil {
			t.Fatal(err)
		}
		set := func(ctx context.Context, seconds string) {
			if _, err := client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{visibility: seconds}}); err != nil {
				t.Error(err)
			}
		}
		t.Cleanup(func() { set(context.WithoutCancel(t.Context()), got.Attributes[visibility]) })
		set(t.Context(), "15")
	}
}

// packed is where the other package of a function's code is.
func packed(key string) string { return "changed/" + key }

// packAgain keeps, until the test ends, a second package of each function's code, with a
// comment, so that its hash is another.
func (c *changedStack) packAgain(t *testing.T) {
	t.Helper()
	done := map[string]bool{}
	for _, p := range c.original(t).properties("AWS::Lambda::Function") {
		key := p["Code"].(map[string]any)["S3Key"].(string)
		if done[key] {
			continue
		}
		done[key] = true
		got, err := c.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &c.bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		zip, err := io.ReadAll(got.Body)
		if err = errors.Join(err, got.Body.Close()); err != nil {
			t.Fatal(err)
		}
		const comment = "changed"
		zip = append(append(zip[:len(zip)-2], byte(len(comment)), 0), comment...) // its length ends the file, if there is none
		if err := c.put(t.Context(), packed(key), zip); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.remove(context.WithoutCancel(t.Context()), packed(key)); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c *changedStack) put(ctx context.Context, key string, body []byte) error {
	_, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &c.bucket, Key: &key, Body: bytes.NewReader(body)})
	return err
}

func (c *changedStack) remove(ctx context.Context, key string) error {
	_, err := c.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &c.bucket, Key: &key})
	return err
}

func (c *changedStack) original(t *testing.T) (tpl template) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.template), &tpl); err != nil {
		t.Fatal(err)
	}
	return tpl
}

// changed has other code and another variable in every function.
func (c *changedStack) changed(t *testing.T) template {
	t.Helper()
	tpl := c.renewed(t, "", "Changed")
	for _, p := range tpl.properties("AWS::Lambda::Function") {
		code := p["Code"].(map[string]any)
		code["S3Key"] = packed(code["S3Key"].(string))
		p["Environment"].(map[string]any)["Variables"].(map[string]any)["CHANGED"] = "1"
	}
	return tpl
}

// renewed has another version of each function with part in its id, as any change of it has.
func (c *changedStack) renewed(t *testing.T, part, change string) (tpl template) {
	t.Helper()
	text := c.template
	for id := range c.original(t).properties("AWS::Lambda::Version") {
		if strings.Contains(id, part) {
			text = strings.ReplaceAll(text, id, id+change)
		}
	}
	if err := json.Unmarshal([]byte(text), &tpl); err != nil {
		t.Fatal(err)
	}
	return tpl
}

// broken puts every function back, and the dispatcher without a variable that it needs.
func (c *changedStack) broken(t *testing.T) template {
	t.Helper()
	tpl, dispatcher := c.renewed(t, "Dispatcher", "Broken"), c.id(t, "Dispatcher")
	delete(tpl.properties("AWS::Lambda::Function")[dispatcher]["Environment"].(map[string]any)["Variables"].(map[string]any), contract.EnvWorkQueueURL)
	for id := range tpl.properties(contract.StartCheck) {
		if strings.Contains(id, "Dispatcher") {
			tpl.resources()[id].(map[string]any)["DependsOn"] = slices.Collect(maps.Keys(c.functions))
		}
	}
	return tpl
}

// impossible puts every function back, has them invoked so, and then fails.
func (c *changedStack) impossible(t *testing.T) template {
	t.Helper()
	tpl := c.original(t)
	tpl.resources()["Impossible"] = map[string]any{
		"Type": "AWS::Logs::LogStream", "Properties": map[string]any{"LogGroupName": "/nowhere"}, "DependsOn": slices.Collect(maps.Keys(tpl.properties("AWS::Lambda::Alias"))),
	}
	return tpl
}

// codeless puts every function back, at last the router, whose code is not there.
func (c *changedStack) codeless(t *testing.T) template {
	t.Helper()
	tpl, router := c.original(t), c.id(t, "Router")
	tpl.properties("AWS::Lambda::Function")[router]["Code"].(map[string]any)["S3Key"] = packed("nothing.zip")
	resource := tpl.resources()[router].(map[string]any)
	after, _ := resource["DependsOn"].([]any)
	for other := range c.functions {
		if other != router {
			after = append(after, other)
		}
	}
	resource["DependsOn"] = after
	return tpl
}

// id is the logical id of a function by a part of it.
func (c *changedStack) id(t *testing.T, part string) string {
	t.Helper()
	for id := range c.functions {
		if strings.Contains(id, part) {
			return id
		}
	}
	t.Fatalf("there is no function %s", part)
	return ""
}

// deploy updates the stack and returns how that ended.
func (c *changedStack) deploy(ctx context.Context, t *testing.T, tpl template) cfntypes.StackStatus {
	t.Helper()
	status, err := c.update(ctx, tpl)
	if err != nil {
		t.Error(err)
	}
	return status
}

func (c *changedStack) update(ctx context.Context, tpl template) (status cfntypes.StackStatus, err error) {
	body, err := json.Marshal(tpl)
	if err != nil {
		return "", err
	}
	const key = "changed/template.json" // too long to be sent along
	if err := c.put(ctx, key, body); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.remove(ctx, key)) }()
	if _, err := c.client.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: &c.name, TemplateURL: aws.String(c.endpoint + "/" + c.bucket + "/" + key),
		Parameters:   []cfntypes.Parameter{{ParameterKey: aws.String("BootstrapVersion"), UsePreviousValue: aws.Bool(true)}},
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityNamedIam},
	}); err != nil {
		return "", err
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := c.client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &c.name})
		if err != nil {
			return status, err
		}
		if status = out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "_IN_PROGRESS") || time.Now().After(end) {
			return status, nil
		}
	}
}

// code is what the functions run, by logical id.
func (c *changedStack) code(t *testing.T) map[string]code {
	t.Helper()
	all := map[string]code{}
	for id, name := range c.functions {
		out, err := c.lambda.GetFunctionConfiguration(context.WithoutCancel(t.Context()), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		all[id] = code{aws.ToString(out.CodeSha256) + " CHANGED=" + out.Environment.Variables["CHANGED"], aws.ToString(out.LastModified)}
	}
	return all
}

// live are the versions that are invoked, by the logical ids of their functions.
func (c *changedStack) live(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for id, name := range c.functions {
		out, err := c.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: &name, Name: aws.String(contract.Alias)})
		if err != nil {
			t.Fatal(err)
		}
		all[id] = aws.ToString(out.FunctionVersion)
	}
	return all
}

func versions(all map[string]code) map[string]string {
	versions := map[string]string{}
	for id, code := range all {
		versions[id] = code.version
	}
	return versions
}
