package integ_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// unenforced are actions that the local stage lets everyone do, with the reason. A test of
// package constructs compares every grant with a list, so these cannot get lost either.
var unenforced = map[string]string{
	"dynamodb:DescribeStream":   "the emulator's own poller reads the stream",
	"dynamodb:GetRecords":       "as above",
	"dynamodb:GetShardIterator": "as above",
	"dynamodb:ListStreams":      "as above",
	"logs:CreateLogStream":      "the emulator writes the logs itself",
	"logs:PutLogEvents":         "as above",
	"sqs:DeleteMessage":         "the emulator's own poller reads the queues",
	"sqs:GetQueueAttributes":    "as above",
	"sqs:ReceiveMessage":        "as above",
	"sqs:SendMessage":           "the emulator asks for sqs:SendMessageBatch, the call's own name; what the stream's poller gives up it sends itself",
	"xray:PutTelemetryRecords":  "there is no X-Ray",
	"xray:PutTraceSegments":     "as above",
}

// Each grant of each function's role is taken away by itself, and what needs it fails; with
// it again, it works. The grants are those of the deployed roles, so that one which nothing
// here needs fails the test too. Others cannot use the stage meanwhile, so the test is not
// parallel.
func TestEachGrantIsNeeded(t *testing.T) {
	p := newPrivileges(t)
	for _, g := range p.grants {
		if unenforced[g.action] != "" {
			continue
		}
		t.Run(g.String(), func(t *testing.T) {
			probe := probes[g.String()]
			if probe == nil {
				t.Fatal("nothing needs it: add what does to probes, or do not grant it")
			}
			restore := p.without(t, g)
			failure := probe(t, p)
			restore()
			if failure == nil {
				t.Error("works without it")
			}
			if err := probe(t, p); err != nil {
				t.Errorf("fails with it, too: %v", err)
			}
		})
	}
	for name := range probes {
		if !slices.ContainsFunc(p.grants, func(g grant) bool { return g.String() == name }) {
			t.Errorf("%s is not granted: take its probe away", name)
		}
	}
	p.finish(t)
}

// Without all that is said to be let through in any case, everything works.
func TestWhatIsNotEnforcedHere(t *testing.T) {
	p := newPrivileges(t)
	var free []grant
	for _, g := range p.grants {
		if unenforced[g.action] != "" {
			free = append(free, g)
		}
	}
	for action := range unenforced {
		if !slices.ContainsFunc(free, func(g grant) bool { return g.action == action }) {
			t.Errorf("%s is granted to nobody", action)
		}
	}
	p.without(t, free...)
	for _, action := range []string{"echo_async", "generate_report"} {
		id, err := p.submit(t, action, payload(t, action))
		if err != nil {
			t.Fatal(err)
		}
		as[protocol.Complete](t, p.client.end(t, id))
		if err := reconciled(action)(t, p); err != nil {
			t.Error(err)
		}
	}
	p.finish(t)
}

// grant is one action on one resource that a role may do.
type grant struct {
	function, action string
	resource         string // as the probes name it: "Requests/index/open"
	arn              string
}

// String is the grant's name among the probes.
func (g grant) String() string { return fmt.Sprintf("%s %s %s", g.function, g.action, g.resource) }

// privileges are what the functions of the stage may do, and a user to try it with.
type privileges struct {
	*stage
	grants []grant
	roles  map[string]string // their names, by function
	policy map[string]inline // the only policy of each role, by function
	iam    *iam.Client

	user   user
	client *client
	asked  map[string]string // actions of the requests that were made, by id
}

type inline struct{ name, document string }

var logicalID = regexp.MustCompile(`^Streamer(.+)[0-9A-F]{8}$`)

func newPrivileges(t *testing.T) *privileges {
	t.Helper()
	s := killable(t)
	cfg := awsConfig(t)
	u := fresh()
	p := &privileges{
		stage: s, roles: map[string]string{}, policy: map[string]inline{}, iam: iam.NewFromConfig(cfg),
		user: u, client: dial(t, u), asked: map[string]string{},
	}
	out, err := cloudformation.NewFromConfig(cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{} // what a resource is called here, by what it is called in ARNs
	for _, r := range out.StackResources {
		id := logicalID.FindStringSubmatch(aws.ToString(r.LogicalResourceId))
		if id == nil {
			continue
		}
		names[path.Base(aws.ToString(r.PhysicalResourceId))] = id[1]
		if function, ok := strings.CutSuffix(id[1], "Role"); ok && aws.ToString(r.ResourceType) == "AWS::IAM::Role" {
			p.roles[function] = aws.ToString(r.PhysicalResourceId)
		}
	}
	for _, function := range slices.Sorted(maps.Keys(p.roles)) {
		policies := inlinePolicies(t, p.iam, p.roles[function])
		if len(policies) != 1 {
			t.Fatalf("the role of %s has %d policies", function, len(policies))
		}
		for name, document := range policies {
			p.policy[function] = inline{name, document}
			p.grants = append(p.grants, grantsIn(t, function, document, names)...)
		}
	}
	return p
}

// grantsIn takes a policy apart.
func grantsIn(t *testing.T, function, document string, names map[string]string) []grant {
	t.Helper()
	var policy struct {
		Statement []struct {
			Effect           string
			Action, Resource many
			Condition        json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(document), &policy); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	var grants []grant
	for _, s := range policy.Statement {
		if s.Effect != "Allow" || s.Condition != nil {
			t.Fatalf("%s has a statement that this test does not understand: %+v", function, s)
		}
		for _, arn := range s.Resource {
			for _, action := range s.Action {
				grants = append(grants, grant{function, action, called(arn, names), arn})
			}
		}
	}
	return grants
}

// many is a list in JSON that may be its only element.
type many []string

// UnmarshalJSON implements json.Unmarshaler.
func (m *many) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(m))
	}
	*m = many{""}
	return json.Unmarshal(data, &(*m)[0])
}

// called is what a resource is called here: without what its ARN says of account and
// region, and by its logical id.
func called(arn string, names map[string]string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn
	}
	name := strings.TrimPrefix(parts[5], "table/")
	first, rest, _ := strings.Cut(name, "/")
	if known, ok := names[first]; ok {
		return strings.TrimSuffix(known+"/"+rest, "/")
	}
	return name
}

// without takes grants away. What it returns gives them back, and so does the test's end.
func (p *privileges) without(t *testing.T, taken ...grant) (restore func()) {
	t.Helper()
	type statement struct{ Effect, Action, Resource string }
	left := map[string][]statement{}
	for _, g := range taken {
		left[g.function] = []statement{}
	}
	for _, g := range p.grants {
		if of, changes := left[g.function]; changes && !slices.Contains(taken, g) {
			left[g.function] = append(of, statement{"Allow", g.action, g.arn})
		}
	}
	restore = func() {
		t.Helper()
		for function := range left {
			if err := p.put(t, function, p.policy[function].document); err != nil {
				t.Errorf("give the grants back: %v", err)
			}
		}
	}
	t.Cleanup(restore)
	for function, statements := range left {
		if len(statements) == 0 { // which IAM takes for a mistake
			_, err := p.iam.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{
				RoleName: aws.String(p.roles[function]), PolicyName: aws.String(p.policy[function].name),
			})
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := p.put(t, function, string(object(t, map[string]any{"Version": "2012-10-17", "Statement": statements}))); err != nil {
			t.Fatal(err)
		}
	}
	return restore
}

// put writes the policy of a function's role.
func (p *privileges) put(t *testing.T, function, document string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // cleanups make calls too
	defer cancel()
	_, err := p.iam.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String(p.roles[function]), PolicyName: aws.String(p.policy[function].name), PolicyDocument: &document,
	})
	return err
}

// as is the configuration of whoever has the role of a function.
func (p *privileges) as(t *testing.T, function string) aws.Config {
	t.Helper()
	cfg := awsConfig(t)
	role, err := p.iam.GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String(p.roles[function])})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), aws.ToString(role.Role.Arn)))
	return cfg
}

// sees does something that makes a function make a call, and returns how that was
// answered: nil, or an error with the status.
func (p *privileges) sees(t *testing.T, function, operation, contains string, do func()) error {
	t.Helper()
	set := faults(t, p.stage, front.Rule{ // which only looks
		Operation: operation, Function: "Streamer" + function + "Func", Contains: []string{contains}, Count: 1, Fault: front.FaultDelay,
	})
	defer clearFaults(t, p.stage, set)
	do()
	awaitHits(t, p.stage, set, 1)
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		switch hit := hits(t, p.stage, set)[0].Hits[0]; {
		case hit.Status == 0 && time.Now().After(end):
			t.Fatalf("%s is not answered in %s", operation, patience)
		case hit.Status >= 400:
			return fmt.Errorf("%s is answered with %d", operation, hit.Status)
		case hit.Status != 0:
			return nil
		}
	}
}

// answer asks the router something and returns an error if it is refused.
func (p *privileges) answer(t *testing.T, m protocol.Message) (frame, error) {
	t.Helper()
	f := p.client.ask(t, m)
	if e, refused := f.Frame.(protocol.Error); refused {
		return f, fmt.Errorf("%s: %s", e.Code, e.Message)
	}
	return f, nil
}
