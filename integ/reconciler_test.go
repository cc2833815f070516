package integ_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/protocol"
)

// While nothing reads the stream, the reconciler alone brings a request to its end. Others
// cannot use the stage meanwhile, so the test is not parallel.
func TestReconcilerMakesUpForALostStreamRecord(t *testing.T) {
	r := newRecovery(t)
	r.disable(t, "Dispatcher")
	u := fresh()
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"no stream", 0, 1})
	time.Sleep(time.Second)
	r.age(t, lifecycle.Key{Tenant: u.tenant, ID: id})
	if got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id)); got.Status != protocol.Pending {
		t.Fatalf("without a dispatcher the request is %+v", got)
	}
	r.reconcile(t)
	as[protocol.Complete](t, c.end(t, id))
}

// A hint that vanished from the queue, as when someone purges it, is sent again.
func TestReconcilerMakesUpForALostHint(t *testing.T) {
	r := newRecovery(t)
	enable := r.disable(t, "Processor")
	u := fresh()
	c := dial(t, u)
	id := c.submit(t, "echo_async", echoAsync{"no hint", 0, 1})
	k := lifecycle.Key{Tenant: u.tenant, ID: id}
	r.steal(t, k)
	enable()
	time.Sleep(time.Second)
	if got := as[protocol.Request](t, c.about(t, protocol.ActionGet, id)); got.Status != protocol.Pending {
		t.Fatalf("without its hint the request is %+v", got)
	}
	// The row's change is a stream record too, and would be dispatched.
	r.disable(t, "Dispatcher")
	r.age(t, k)
	r.reconcile(t)
	as[protocol.Complete](t, c.end(t, id))
}

// recovery breaks parts of the local stage, and mends them at the test's end.
type recovery struct {
	outputs map[string]string
	lambda  *lambda.Client
	table   *dynamodb.Client
	queue   *sqs.Client
	// functions are the stack's, by logical id.
	functions map[string]string
}

func newRecovery(t *testing.T) recovery {
	t.Helper()
	s := local(t, "event source mappings that may be switched off")
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := cloudformation.NewFromConfig(cfg).DescribeStackResources(t.Context(), &cloudformation.DescribeStackResourcesInput{StackName: &s.name})
	if err != nil {
		t.Fatal(err)
	}
	r := recovery{outputsOf(t), lambda.NewFromConfig(cfg), dynamodb.NewFromConfig(cfg), sqs.NewFromConfig(cfg), map[string]string{}}
	for _, res := range out.StackResources {
		if aws.ToString(res.ResourceType) == "AWS::Lambda::Function" {
			r.functions[aws.ToString(res.LogicalResourceId)] = aws.ToString(res.PhysicalResourceId)
		}
	}
	return r
}

func (r recovery) function(t *testing.T, name string) string {
	t.Helper()
	for logical, physical := range r.functions {
		if strings.Contains(logical, name) {
			return physical
		}
	}
	t.Fatalf("no %s among %v", name, r.functions)
	return ""
}

// disable switches off what makes a function run, until the test ends or enable is called.
func (r recovery) disable(t *testing.T, function string) (enable func()) {
	t.Helper()
	name := r.function(t, function)
	out, err := r.lambda.ListEventSourceMappings(t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.EventSourceMappings) != 1 {
		t.Fatalf("%s has %d event source mappings", name, len(out.EventSourceMappings))
	}
	id := out.EventSourceMappings[0].UUID
	turn := func(ctx context.Context, on bool) error {
		_, err := r.lambda.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: &on})
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

// age makes a request that waits look as if it had been accepted three minutes sooner: its
// hint is then taken for lost.
func (r recovery) age(t *testing.T, k lifecycle.Key) {
	t.Helper()
	_, err := r.table.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(r.outputs[contract.OutputRequestsTable]),
		Key: map[string]types.AttributeValue{
			contract.PK: &types.AttributeValueMemberS{Value: k.PK()}, contract.SK: &types.AttributeValueMemberS{Value: contract.SKMeta},
		},
		UpdateExpression:         aws.String("SET #c = #c - :minutes"),
		ConditionExpression:      aws.String("attribute_exists(#c)"),
		ExpressionAttributeNames: map[string]string{"#c": contract.CreatedAt},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":minutes": &types.AttributeValueMemberN{Value: fmt.Sprint((3 * time.Minute).Milliseconds())},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// steal takes the hint of a request out of the work queue, and no other.
func (r recovery) steal(t *testing.T, k lifecycle.Key) {
	t.Helper()
	url := aws.String(r.outputs[contract.OutputWorkQueueURL])
	for end := time.Now().Add(patience); time.Now().Before(end); {
		out, err := r.queue.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: url, MaxNumberOfMessages: 10, VisibilityTimeout: 1, WaitTimeSeconds: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range out.Messages {
			if got, err := queue.Decode(aws.ToString(m.Body)); err != nil || got != k {
				continue
			}
			if _, err := r.queue.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no hint for %s came into the work queue in %s", k.ID, patience)
}

// reconcile runs the reconciler as its schedule does.
func (r recovery) reconcile(t *testing.T) {
	t.Helper()
	name := r.function(t, "Reconciler")
	out, err := r.lambda.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	if out.FunctionError != nil {
		t.Fatalf("the reconciler failed: %s", out.Payload)
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
