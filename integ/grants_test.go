package integ_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/pay-theory/streamer/protocol"
)

// A function lives by its grants alone: without them a client gets a typed error that
// tells nothing, and with them again everything works. The stage is not usable by others
// meanwhile, so the test is not parallel.
func TestRemovedGrantIsATypedError(t *testing.T) {
	s := local(t, "IAM policies that may be taken away")
	cfg := awsConfig(t)
	policies := iam.NewFromConfig(cfg)
	role := resourceOf(t, cfg, s, "AWS::IAM::Role", "RouterRole")
	c := dial(t, fresh())
	before := c.submit(t, "echo_async", echoAsync{"granted", 0, 1})
	c.end(t, before)

	granted := inlinePolicies(t, policies, role)
	restore := func(ctx context.Context) {
		for name, document := range granted {
			_, err := policies.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &role, PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
			if err != nil {
				t.Errorf("give the grant back: %v", err)
			}
		}
	}
	t.Cleanup(func() { restore(context.WithoutCancel(t.Context())) })
	for name := range granted {
		if _, err := policies.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: aws.String(name)}); err != nil {
			t.Fatal(err)
		}
	}

	// Each way into a table, and one message that needs none.
	payload := object(t, echoAsync{"refused", 0, 1})
	for _, m := range []protocol.Message{
		{Action: "echo_async", Payload: payload},
		{Action: "echo_async", Payload: object(t, echoAsync{filled(t, 1000), 0, 1})},
		{Action: "echo_async", Payload: object(t, echoAsync{filled(t, 26_000), 0, 1})},
		{Action: protocol.ActionGet, RequestID: before},
		{Action: protocol.ActionList},
		{Action: protocol.ActionSubscribe, RequestID: before},
		{Action: protocol.ActionUnsubscribe, RequestID: before},
		{Action: protocol.ActionCancel, RequestID: before},
	} {
		f := c.ask(t, m)
		if e := as[protocol.Error](t, f); e.Code != protocol.Unavailable && e.Code != protocol.Internal || !e.Retryable {
			t.Errorf("%s without a grant: %s", m.Action, f.raw)
		}
	}
	as[protocol.Response](t, c.ask(t, protocol.Message{Action: "echo"}))
	c.ping(t)

	restore(t.Context())
	id := eventually(t, c, protocol.Message{Action: "echo_async", Payload: payload})
	as[protocol.Complete](t, c.end(t, id))
}

// eventually sends a message until it is accepted: a policy takes its time.
func eventually(t *testing.T, c *client, m protocol.Message) (requestID string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		f := c.ask(t, m)
		if _, ok := f.Frame.(protocol.Accepted); ok {
			return f.RequestID
		}
		if time.Now().After(end) {
			t.Fatalf("after %s still %s", patience, f.raw)
		}
	}
}

// resourceOf finds one of the stack's resources by its type and a part of its logical id.
func resourceOf(t *testing.T, cfg aws.Config, s *stage, kind, id string) string {
	t.Helper()
	out, err := cloudformation.NewFromConfig(cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range out.StackResources {
		if aws.ToString(r.ResourceType) == kind && strings.Contains(aws.ToString(r.LogicalResourceId), id) {
			return aws.ToString(r.PhysicalResourceId)
		}
	}
	t.Fatalf("stack %s has no %s called %s among %d resources", s.name, kind, id, len(out.StackResources))
	return ""
}

// inlinePolicies are the documents of a role's policies, by their names.
func inlinePolicies(t *testing.T, policies *iam.Client, role string) map[string]string {
	t.Helper()
	names, err := policies.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string]string{}
	for _, name := range names.PolicyNames {
		policy, err := policies.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &name})
		if err != nil {
			t.Fatal(err)
		}
		// IAM gives documents out URL-encoded (IAM API reference, GetRolePolicy).
		if documents[name], err = url.PathUnescape(aws.ToString(policy.PolicyDocument)); err != nil {
			t.Fatal(err)
		}
	}
	if len(documents) == 0 {
		t.Fatalf("role %s has no inline policy to take away", role)
	}
	return documents
}
