package integ_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// reconcilerPoints are the calls that a reconciler makes.
var reconcilerPoints = []point{
	{"index of open requests", "dynamodb.Query", []string{`"IndexName":"open"`}},
	{"row", "dynamodb.GetItem", []string{"META"}},
	{"resend", "dynamodb.UpdateItem", []string{"#hints"}},
	{"hint", "sqs.SendMessageBatch", nil},
	{"connections", "dynamodb.Scan", nil},
	{"connection that ran out", "execute-api.DeleteConnection", nil},
	{"connection that is gone", "dynamodb.DeleteItem", []string{"connection_id"}},
}

// A processor that dies at its very first call, before or after the queue hears that it
// has the message, and a reconciler that dies at any of its calls: the reconciler's next
// run brings each request back. That first call tells nothing of its request, so the test
// has the stage for itself; and it comes after those that count calls, since a message
// that was heard of returns later.
func TestLostHintIsSentAgain(t *testing.T) {
	s := killable(t)
	type loss struct {
		name   string
		dies   string      // the processor, before or after its first call
		rule   *front.Rule // that the reconciler's first run meets
		c      *client
		id     string
		tenant string
	}
	losses := []*loss{ // the first before its message returns
		{name: "processor, after", dies: front.After},
		{name: "processor, before", dies: front.Before},
	}
	for _, p := range reconcilerPoints {
		for _, when := range []string{front.Before, front.After} {
			rule := p.rule(when)
			rule.Function = "Reconciler"
			losses = append(losses, &loss{name: p.name + ", " + when, dies: front.Before, rule: &rule})
		}
	}
	forget(t)
	quiet(t, s, 2*slowestPulse) // of what tests before have left
	for _, dies := range []string{front.Before, front.After} {
		var doomed []*loss
		for _, l := range losses {
			if l.dies == dies {
				doomed = append(doomed, l)
			}
		}
		set := faults(t, s, front.Rule{Operation: "sqs.ChangeMessageVisibility", Count: len(doomed), Fault: front.FaultKill, When: dies})
		for _, l := range doomed {
			u, mark := marked()
			l.c, l.tenant = dial(t, u), u.tenant
			l.id, _ = place(t, l.c, order(t, mark, "lost", 0))
		}
		awaitHits(t, s, set, len(doomed))
		clearFaults(t, s, set)
	}

	// What a test changes in a row is a stream record too, and must not be a hint.
	undispatched := faults(t, s, front.Rule{Operation: "sqs.SendMessageBatch", Function: "Dispatcher", Fault: front.FaultError, Status: 403, Code: "AccessDenied"})
	reconciler := resourceOf(t, awsConfig(t), s, "AWS::Lambda::Function", "ReconcilerFunction")
	for _, l := range losses {
		if r := row(t, l.c, l.id); r.Status != protocol.Pending || r.Attempt != 0 {
			t.Errorf("%s: before, the request is %+v", l.name, r)
		}
		if l.rule != nil {
			longAgo(t, l.tenant, l.id)
			runsOut(t, "gone-"+l.tenant)
			set := faults(t, s, *l.rule)
			invoke(t, reconciler) // which kills it
			awaitHits(t, s, set, 1)
			clearFaults(t, s, set)
		}
		longAgo(t, l.tenant, l.id)
		if failure := invoke(t, reconciler); failure != "" {
			t.Errorf("%s: the reconciler failed: %s", l.name, failure)
		}
	}
	for _, l := range losses {
		as[protocol.Complete](t, l.c.end(t, l.id))
	}
	clearFaults(t, s, undispatched)
	quiet(t, s, still) // all that was not dispatched now is
	for _, l := range losses {
		r := row(t, l.c, l.id)
		if r.Attempt != 1 {
			t.Errorf("%s: attempt %d", l.name, r.Attempt)
		}
		consistent(t, historyOf(r, l.c), true)
	}
}

// longAgo makes a request that waits look as if it had done so for ten minutes, which is
// longer than the reconciler lets one wait.
func longAgo(t *testing.T, tenant, requestID string) {
	t.Helper()
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		t.Fatal(err)
	}
	then := &types.AttributeValueMemberN{Value: fmt.Sprint(time.Now().Add(-10 * time.Minute).UnixMilli())}
	_, err = dynamodb.NewFromConfig(awsConfig(t)).UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(stack.Values[contract.OutputRequestsTable]),
		Key: map[string]types.AttributeValue{
			contract.PK: &types.AttributeValueMemberS{Value: "T#" + tenant + "#R#" + requestID},
			contract.SK: &types.AttributeValueMemberS{Value: contract.SKMeta},
		},
		ConditionExpression:      aws.String("#status = :pending"),
		UpdateExpression:         aws.String("SET created_at = :then, hint_at = :then"),
		ExpressionAttributeNames: map[string]string{"#status": contract.StatusAttribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":then": then, ":pending": &types.AttributeValueMemberS{Value: contract.StatusPending},
		},
	})
	if _, started := errors.AsType[*types.ConditionalCheckFailedException](err); err != nil && !started {
		t.Fatal(err)
	}
}
