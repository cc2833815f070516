package integ_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/protocol"
)

// While ten requests a second come, every function is replaced and put back; a deployment
// that replaces them fails at a resource that cannot be made, and another one at a function
// whose code is not there, and CloudFormation puts everything back. No request is lost: each
// ends once, and its client hears of it.
//
// The local stage is harder on them than AWS. There a run ends before its function is
// replaced; here its process is killed. So clients send again what is not answered, with the
// same key, and another worker takes up what the one before it left.
func TestDeployUnderLoad(t *testing.T) {
	s := local(t, "a stack that may be changed")
	stack := newChangedStack(t, s)
	l := newLoad(t, 8)
	l.run(500 * time.Millisecond)
	for _, step := range []struct {
		what    string
		version template
		status  cfntypes.StackStatus
		changes bool // the functions
	}{
		{"every function changes", stack.changed(t), cfntypes.StackStatusUpdateComplete, true},
		{"and is put back", stack.base(t), cfntypes.StackStatusUpdateComplete, false},
		{"a resource cannot be made", stack.impossible(t), cfntypes.StackStatusUpdateRollbackComplete, false},
		{"a function's code is not there", stack.codeless(t), cfntypes.StackStatusUpdateRollbackComplete, false},
	} {
		updates := stack.updates(t)
		l.during(step.what, func() {
			if status := stack.deploy(t.Context(), t, step.version); status != step.status {
				t.Errorf("%s: the stack is %s, want %s", step.what, status, step.status)
			}
		})
		for function, code := range stack.code(t) {
			if changed := code != stack.before[function]; changed != step.changes {
				t.Errorf("%s: %s has other code than before: %v", step.what, function, changed)
			}
			if n := stack.updates(t)[function] - updates[function]; n == 0 {
				t.Errorf("%s: %s was left alone", step.what, function)
			}
		}
		l.run(500 * time.Millisecond)
	}
	l.finish()
}

// load is ten requests a second, from devices that hold on to what they asked for.
type load struct {
	t       *testing.T
	mark    string
	devices []*device
	asked   int
	// across counts the requests that were running when a deployment began and when it ended.
	across map[string]int
}

func newLoad(t *testing.T, sockets int) *load {
	t.Helper()
	u, mark := marked()
	l := &load{t: t, mark: mark, across: map[string]int{}}
	for _, c := range crowd(t, u, sockets) {
		l.devices = append(l.devices, newDevice(u, c))
	}
	return l
}

// tick asks for one request, and for what was not answered, and waits for the next.
func (l *load) tick() {
	next := time.Now().Add(100 * time.Millisecond)
	l.devices[l.asked%len(l.devices)].ask(l.t, l.mark, fmt.Sprintf("order-%d", l.asked), time.Duration(l.asked%8)*250*time.Millisecond)
	l.asked++
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

// during goes on while something is done.
func (l *load) during(what string, something func()) {
	before := l.open()
	done := make(chan struct{})
	go func() {
		defer close(done)
		something()
	}()
	for {
		select {
		case <-done:
			l.open()
			for _, a := range before {
				if !a.ended {
					l.across[what]++
				}
			}
			return
		default:
			l.tick()
		}
	}
}

// finish waits for the end of everything and holds it against the rows.
func (l *load) finish() {
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
	took := time.Since(start)
	again, known := 0, 0
	outcomes := map[string]int{}
	for _, d := range l.devices {
		d.conn().forgive()
		for id, a := range d.asked {
			if id == a.message.ID {
				again += a.tries - 1
			}
		}
		for outcome, n := range d.check(l.t, true) {
			outcomes[outcome] += n
			known += n
			if !strings.HasPrefix(outcome, string(protocol.Completed)) {
				l.t.Errorf("%d are %s", n, outcome)
			}
		}
	}
	l.t.Logf("%d requests: %v; running across a deployment: %v; %d messages sent again; the last end came %.1f s after the load",
		l.asked, outcomes, l.across, again, took.Seconds())
	if known != l.asked {
		l.t.Errorf("%d were asked for, and %d requests are known", l.asked, known)
	}
	if len(l.across) == 0 {
		l.t.Error("nothing ran across a deployment")
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
	client    *cloudformation.Client
	lambda    *lambda.Client
	template  string
	functions map[string]string // their names, by logical id
	before    map[string]string // the hashes of their code
}

func newChangedStack(t *testing.T, s *stage) *changedStack {
	t.Helper()
	cfg := awsConfig(t)
	c := &changedStack{name: s.name, client: cloudformation.NewFromConfig(cfg), lambda: lambda.NewFromConfig(cfg), functions: map[string]string{}}
	got, err := c.client.GetTemplate(t.Context(), &cloudformation.GetTemplateInput{StackName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	c.template = aws.ToString(got.TemplateBody)
	for id := range c.parse(t).properties("AWS::Lambda::Function") {
		c.functions[id] = resourceOf(t, cfg, s, "AWS::Lambda::Function", id)
	}
	c.before = c.code(t)
	t.Cleanup(func() {
		if status := c.deploy(context.WithoutCancel(t.Context()), t, c.parse(t)); status != cfntypes.StackStatusUpdateComplete {
			t.Errorf("put back: the stack is %s", status)
		}
	})
	c.packAgain(t, s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }))
	if status := c.deploy(t.Context(), t, c.base(t)); status != cfntypes.StackStatusUpdateComplete {
		t.Fatalf("the stack is %s", status)
	}
	return c
}

// packed is where the other package of a function's code is.
func packed(key string) string { return "changed/" + key }

// packAgain keeps, until the test ends, a second package of each function's code, with a
// comment, so that its hash is another.
func (c *changedStack) packAgain(t *testing.T, client *s3.Client) {
	t.Helper()
	done := map[string]bool{}
	for _, p := range c.parse(t).properties("AWS::Lambda::Function") {
		code := p["Code"].(map[string]any)
		bucket, key := code["S3Bucket"].(string), code["S3Key"].(string)
		if done[key] {
			continue
		}
		done[key] = true
		got, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		zip, err := io.ReadAll(got.Body)
		if err = errors.Join(err, got.Body.Close()); err != nil {
			t.Fatal(err)
		}
		const comment = "changed"
		zip = append(append(zip[:len(zip)-2], byte(len(comment)), 0), comment...) // its length ends the file, if there is none
		other := packed(key)
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &other, Body: bytes.NewReader(zip)}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if _, err := client.DeleteObject(context.WithoutCancel(t.Context()), &s3.DeleteObjectInput{Bucket: &bucket, Key: &other}); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c *changedStack) parse(t *testing.T) (tpl template) {
	t.Helper()
	if err := json.Unmarshal([]byte(c.template), &tpl); err != nil {
		t.Fatal(err)
	}
	return tpl
}

// base is the stack as it was, but for the time after which a message comes again whose run
// was killed before its first call. It is above the longest run of a processor, 16 minutes,
// and the processor itself shortens it with that call.
func (c *changedStack) base(t *testing.T) template {
	t.Helper()
	const seconds = 15
	tpl := c.parse(t)
	for _, p := range tpl.properties("AWS::SQS::Queue") {
		if p["RedrivePolicy"] != nil {
			p["VisibilityTimeout"] = seconds
		}
	}
	return tpl
}

// changed has other code and another variable in every function.
func (c *changedStack) changed(t *testing.T) template {
	t.Helper()
	tpl := c.base(t)
	for _, p := range tpl.properties("AWS::Lambda::Function") {
		code := p["Code"].(map[string]any)
		code["S3Key"] = packed(code["S3Key"].(string))
		p["Environment"].(map[string]any)["Variables"].(map[string]any)["CHANGED"] = "1"
	}
	return tpl
}

// impossible changes every function, and then fails.
func (c *changedStack) impossible(t *testing.T) template {
	t.Helper()
	tpl := c.changed(t)
	tpl.resources()["Impossible"] = map[string]any{
		"Type": "AWS::Logs::LogStream", "Properties": map[string]any{"LogGroupName": "/nowhere"}, "DependsOn": slices.Collect(maps.Keys(c.functions)),
	}
	return tpl
}

// codeless changes every function, at last the router, whose code is not there.
func (c *changedStack) codeless(t *testing.T) template {
	t.Helper()
	tpl := c.changed(t)
	for id, p := range tpl.properties("AWS::Lambda::Function") {
		if !strings.Contains(id, "Router") {
			continue
		}
		p["Code"].(map[string]any)["S3Key"] = packed("nothing.zip")
		router := tpl.resources()[id].(map[string]any)
		others, _ := router["DependsOn"].([]any)
		for other := range c.functions {
			if other != id {
				others = append(others, other)
			}
		}
		router["DependsOn"] = others
	}
	return tpl
}

// deploy updates the stack and returns how that ended.
func (c *changedStack) deploy(ctx context.Context, t *testing.T, tpl template) cfntypes.StackStatus {
	t.Helper()
	body, err := json.Marshal(tpl)
	if err != nil {
		t.Error(err)
		return ""
	}
	_, err = c.client.UpdateStack(ctx, &cloudformation.UpdateStackInput{
		StackName: &c.name, TemplateBody: aws.String(string(body)),
		Parameters:   []cfntypes.Parameter{{ParameterKey: aws.String("BootstrapVersion"), UsePreviousValue: aws.Bool(true)}},
		Capabilities: []cfntypes.Capability{cfntypes.CapabilityCapabilityIam, cfntypes.CapabilityCapabilityNamedIam},
	})
	if err != nil {
		t.Error(err)
		return ""
	}
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := c.client.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &c.name})
		if err != nil {
			t.Error(err)
			return ""
		}
		if status := out.Stacks[0].StackStatus; !strings.HasSuffix(string(status), "_IN_PROGRESS") || time.Now().After(end) {
			return status
		}
	}
}

// code are the hashes of the code that the functions have, by logical id.
func (c *changedStack) code(t *testing.T) map[string]string {
	t.Helper()
	hashes := map[string]string{}
	for id, name := range c.functions {
		out, err := c.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &name})
		if err != nil {
			t.Fatal(err)
		}
		hashes[id] = aws.ToString(out.CodeSha256) + " CHANGED=" + out.Environment.Variables["CHANGED"]
	}
	return hashes
}

// updates counts how often each resource was updated, put back included.
func (c *changedStack) updates(t *testing.T) map[string]int {
	t.Helper()
	counted := map[string]int{}
	pages := cloudformation.NewDescribeStackEventsPaginator(c.client, &cloudformation.DescribeStackEventsInput{StackName: &c.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.StackEvents {
			if e.ResourceStatus == cfntypes.ResourceStatusUpdateComplete {
				counted[aws.ToString(e.LogicalResourceId)]++
			}
		}
	}
	return counted
}
