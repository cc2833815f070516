package integ_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/protocol"
)

// A request whose hint ended as a dead letter, in a back-off, where nothing but another
// hint brings it on: the operator sees it, sends it again, and it ends. The command looks at all open requests, so no test with faults may run beside this one.
func TestDeadLetterIsSentAgain(t *testing.T) {
	local(t, "a table and a queue that tests may write to")
	cfg := awsConfig(t)
	values := outputsOf(t)
	u := fresh()
	k, worker := backedOff(t, u, "echo_async", echoAsync{"back again", 0, 1}), backedOff(t, u, "generate_report", anyReport)
	encode := func(k lifecycle.Key) string {
		body, err := queue.Encode(k)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	dead := sqs.NewFromConfig(cfg)
	bury := func(body string) (message string) {
		out, err := dead.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: aws.String(values[contract.OutputDeadLetterURL]), MessageBody: &body})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.MessageId)
	}
	bury(encode(k))
	garbage := bury("no hint of " + k.Tenant)
	bury(encode(worker))
	program, run := inspect(t)
	c := dial(t, u)

	list := run("dead-letters")
	for _, want := range []string{k.ID, garbage, "unreadable", "RETRYING, due for"} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not listed:\n%s", want, list)
		}
	}
	refused := exec.CommandContext(t.Context(), program, "resend", "-id", k.ID)
	if plan, err := refused.Output(); !strings.Contains(string(plan), "send a hint") || refused.ProcessState.ExitCode() != 3 {
		t.Errorf("without a yes it ends with %v, and says\n%s", err, plan)
	}
	time.Sleep(time.Second)
	if f := as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, k.ID)); f.Status != protocol.Retrying || f.Attempt != 1 {
		t.Fatalf("before anything was sent the request is %+v", f)
	}

	run("resend", "-id", k.ID, "-yes")
	if f := as[protocol.Complete](t, c.end(t, k.ID)); string(f.Result) != `{"message":"back again"}` || f.Attempt != 2 {
		t.Errorf("got %+v", f)
	}
	// It was sent to the queue of its action's worker: nobody else claimed it before.
	run("resend", "-id", worker.ID, "-yes")
	c.about(t, protocol.ActionSubscribe, worker.ID)
	if f := as[protocol.Complete](t, c.end(t, worker.ID)); f.Attempt != 2 || f.Seq/lifecycle.Seq(1, 0) != 2 {
		t.Errorf("got %+v", f)
	}
	if list := run("dead-letters"); strings.Contains(list, k.ID) || strings.Contains(list, worker.ID) || !strings.Contains(list, garbage) {
		t.Errorf("afterwards there are\n%s", list)
	}

	before := as[protocol.Request](t, c.about(t, protocol.ActionGet, k.ID))
	bury(encode(k))
	if said := run("resend", "-id", k.ID, "-id", garbage, "-yes", "-discard"); !strings.Contains(said, "it has ended") || !strings.Contains(said, "discarded") {
		t.Errorf("the second time it says\n%s", said)
	}
	after := as[protocol.Request](t, c.about(t, protocol.ActionGet, k.ID))
	if after.Status != protocol.Completed || after.Attempt != before.Attempt || after.Seq != before.Seq || after.EndedAt != before.EndedAt {
		t.Errorf("the request was %+v and is %+v", before, after)
	}
	if list := run("dead-letters"); strings.Contains(list, k.ID) || strings.Contains(list, garbage) {
		t.Errorf("at the end there are\n%s", list)
	}
}

// inspect builds the operator's command; run runs it on the stage.
func inspect(t *testing.T) (program string, run func(args ...string) string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "inspect")
	command(t, "go", "build", "-o", program, "../scripts/inspect")
	return program, func(args ...string) string {
		t.Helper()
		return command(t, program, args...)
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}
