package integ_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// While nothing reads the stream, the reconciler alone brings a request to its end. Others
// cannot use the stage meanwhile, so the test is not parallel.
func TestReconcilerMakesUpForALostStreamRecord(t *testing.T) {
	s := local(t, "an event source mapping that may be switched off")
	disable(t, s, "Dispatcher")
	u := fresh()
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"no stream", 0, 1})
	time.Sleep(time.Second)
	longAgo(t, u.tenant, id)
	if got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id)); got.Status != protocol.Pending {
		t.Fatalf("without a dispatcher the request is %+v", got)
	}
	reconcile(t, s)
	as[protocol.Complete](t, c.end(t, id))
}

// A hint that vanished from a queue, as when someone purges it, is sent again, to the queue
// of its action's worker.
func TestReconcilerMakesUpForALostHint(t *testing.T) {
	s := local(t, "event source mappings that may be switched off")
	u := fresh()
	c := dial(t, u)
	var ids []string
	for action, lost := range map[string]struct {
		processor string
		payload   any
	}{
		"echo_async":      {restProcessor, echoAsync{"no hint", 0, 1}},
		"generate_report": {reportsProcessor, anyReport},
	} {
		enable := disable(t, s, lost.processor)
		id := c.submit(t, action, lost.payload)
		steal(t, workQueue(t, action), lifecycle.Key{Tenant: u.tenant, ID: id})
		enable()
		ids = append(ids, id)
	}
	time.Sleep(time.Second)
	// The row's change is a stream record too, and would be dispatched.
	disable(t, s, "Dispatcher")
	for _, id := range ids {
		if got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id)); got.Status != protocol.Pending {
			t.Fatalf("without its hint the request is %+v", got)
		}
		longAgo(t, u.tenant, id)
	}
	reconcile(t, s)
	for _, id := range ids {
		as[protocol.Complete](t, c.end(t, id)) // of which a processor that passes it on is not capable now
	}
}

// disable switches off what makes a function run, until the test ends or enable is called.
func disable(t *testing.T, s *stage, function string) (enable func()) {
	t.Helper()
	cfg := awsConfig(t)
	client, name := lambda.NewFromConfig(cfg), resourceOf(t, cfg, s, "AWS::Lambda::Alias", function+"Alias")
	out, err := client.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.EventSourceMappings) != 1 {
		t.Fatalf("%s has %d event source mappings", name, len(out.EventSourceMappings))
	}
	turn := func(ctx context.Context, on bool) error {
		_, err := client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: out.EventSourceMappings[0].UUID, Enabled: &on})
		return err
	}
	if err := turn(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	enable = func() {
		if err := turn(context.WithoutCancel(t.Context()), true); err != nil {
			t.Errorf("switch the %s on again: %v", function, err)
		}
	}
	t.Cleanup(enable)
	time.Sleep(500 * time.Millisecond) // a poll that has begun ends
	return enable
}

// steal takes the hint of a request out of a work queue, and no other.
func steal(t *testing.T, url string, k lifecycle.Key) {
	t.Helper()
	client := sqs.NewFromConfig(awsConfig(t))
	for end := time.Now().Add(patience); time.Now().Before(end); {
		out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			if got, err := queue.Decode(aws.ToString(m.Body)); err != nil || got != k {
				continue
			}
			if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no hint for %s came into the work queue in %s", k.ID, patience)
}

// reconcile runs the reconciler as its schedule does.
func reconcile(t *testing.T, s *stage) {
	t.Helper()
	if failure := invoke(t, resourceOf(t, awsConfig(t), s, "AWS::Lambda::Function", "ReconcilerFunction")); failure != "" {
		t.Fatalf("the reconciler failed: %s", failure)
	}
}

// runsOut makes the table say that the token of a connection has run out, also of one that
// there is not.
func runsOut(t *testing.T, connection string) {
	t.Helper()
	table := store.DynamoConnections{Client: dynamodb.NewFromConfig(awsConfig(t)), Table: outputsOf(t)[contract.OutputConnectionsTable]}
	if err := table.Put(t.Context(), store.Connection{ID: connection, UserKey: "nobody"}); err != nil {
		t.Fatal(err)
	}
}

// outputsOf are the outputs of the stage's stack.
func outputsOf(t *testing.T) map[string]string {
	t.Helper()
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		t.Fatal(err)
	}
	return stack.Values
}
