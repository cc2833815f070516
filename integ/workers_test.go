package integ_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/oklog/ulid/v2"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// The stage's processors, by what is in the names of their functions: that of the worker
// that makes reports, and that of everything else.
const (
	reportsProcessor = "StreamerWorkersreportsProcessor"
	restProcessor    = "StreamerProcessor"
)

// runs looks at the claims that are made of the requests with that mark; what it returns
// tells how many each processor made.
func runs(t *testing.T, s *stage, mark string) func() (reports, rest int) {
	t.Helper()
	look := front.Rule{Operation: "dynamodb.UpdateItem", Contains: []string{mark, "#owner"}, Fault: front.FaultDelay}
	inReports, inRest := look, look
	inReports.Function, inRest.Function = reportsProcessor, restProcessor
	set := faults(t, s, inReports, inRest)
	return func() (int, int) {
		t.Helper()
		rules := hits(t, s, set)
		return len(rules[0].Hits), len(rules[1].Hits)
	}
}

var anyReport = report{"2024-01-01", "2024-01-01", "csv"}

// Each request is worked on by the function of its action's worker, and by no other.
func TestRequestsGoToTheirWorker(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for action, c := range map[string]struct {
		payload       any
		reports, rest int
	}{
		"generate_report": {anyReport, 1, 0},
		"echo_async":      {echoAsync{"for the rest", 0, 1}, 0, 1},
	} {
		u, mark := marked()
		claims, client := runs(t, s, mark), dial(t, u)
		as[protocol.Complete](t, client.end(t, client.submit(t, action, c.payload)))
		if reports, rest := claims(); reports != c.reports || rest != c.rest {
			t.Errorf("%s: %d runs of the reports' processor and %d of the other", action, reports, rest)
		}
	}
}

// While one processor takes nothing, the work of the other goes on.
func TestWorkersHoldUpNoOther(t *testing.T) {
	s := local(t, "event source mappings that may be switched off")
	c := dial(t, fresh())
	submit := map[string]func() string{
		reportsProcessor: func() string { return c.submit(t, "generate_report", anyReport) },
		restProcessor:    func() string { return c.submit(t, "echo_async", echoAsync{"the rest", 0, 1}) },
	}
	for stuck, other := range map[string]string{reportsProcessor: restProcessor, restProcessor: reportsProcessor} {
		enable := disable(t, s, stuck)
		waits := submit[stuck]()
		as[protocol.Complete](t, c.end(t, submit[other]()))
		if r := row(t, c, waits); r.Status != protocol.Pending {
			t.Errorf("%s takes nothing, and the request is %+v", stuck, r)
		}
		enable()
		as[protocol.Complete](t, c.end(t, waits))
	}
}

// A worker's processor that is killed leaves a request that its next process ends.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	s := killable(t)
	u, mark := marked()
	set := faults(t, s, front.Rule{
		Operation: "dynamodb.UpdateItem", Contains: []string{mark, "#owner"}, Function: reportsProcessor, Count: 1, Fault: front.FaultKill, When: front.After,
	})
	c := dial(t, u)
	id := c.submit(t, "generate_report", anyReport)
	awaitHits(t, s, set, 1)
	as[protocol.Complete](t, c.end(t, id))
	if r := row(t, c, id); r.Status != protocol.Completed || r.Attempt != 2 {
		t.Errorf("got %+v", r)
	}
}

// A hint that lies in the queue of a processor which the action is not of any more, as after
// a deployment that moved it, is passed on: the request ends, with no attempt more.
func TestHintInTheQueueOfAnotherWorker(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for action, payload := range map[string]any{"generate_report": anyReport, "echo_async": echoAsync{"moved", 0, 1}} {
		u, mark := marked()
		k := backedOff(t, u, action, payload)
		claims, c := runs(t, s, mark), dial(t, u)
		as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, k.ID))
		wrong := workQueue(t, "generate_report")
		if action == "generate_report" {
			wrong = workQueue(t, "echo_async")
		}
		hint(t, wrong, k)
		if f := as[protocol.Complete](t, c.end(t, k.ID)); f.Attempt != 2 {
			t.Errorf("%s: got %+v", action, f)
		}
		// The first claims and gives back. In the right one a claim that counts an attempt
		// is refused, and one that goes on with it is made.
		reports, rest := claims()
		first, second := rest, reports
		if action == "echo_async" {
			first, second = reports, rest
		}
		if first != 1 || second != 2 {
			t.Errorf("%s: %d claims from the queue where the hint lay and %d from its own", action, first, second)
		}
		if r := row(t, c, k.ID); r.Status != protocol.Completed || r.Attempt != 2 {
			t.Errorf("%s: the request is %+v", action, r)
		}
	}
}

// backedOff stores a request that failed once, and whose back-off is over, but not for so
// long that the reconciler would see to it, and changed as the test wants it. It has no hint.
func backedOff(t *testing.T, u user, action string, payload any, changes ...func(*lifecycle.Row)) lifecycle.Key {
	t.Helper()
	k := lifecycle.Key{Tenant: u.tenant, ID: ulid.Make().String()}
	row := lifecycle.Accept(lifecycle.Submission{
		Key: k, User: u.name, Action: action, MaxAttempts: 3, Deadline: time.Hour, Connection: "gone", Message: "m",
		Payload: string(object(t, payload)),
	}, time.Now().Add(-5*time.Minute))
	row.Status, row.Attempt, row.Fence, row.Carrier = protocol.Retrying, 1, 1, "the first message"
	row.NextAt = time.Now().Add(-30 * time.Second).UnixMilli()
	for _, change := range changes {
		change(&row)
	}
	requests := store.DynamoRequests{Client: dynamodb.NewFromConfig(awsConfig(t)), Table: outputsOf(t)[contract.OutputRequestsTable]}
	if err := requests.Create(t.Context(), row, time.Now()); err != nil {
		t.Fatal(err)
	}
	return k
}

// hint sends a hint about a request to a queue.
func hint(t *testing.T, url string, k lifecycle.Key) {
	t.Helper()
	body, err := queue.Encode(k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqs.NewFromConfig(awsConfig(t)).SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// workQueue is the URL of the queue to which an action's hints go.
func workQueue(t *testing.T, action string) string {
	t.Helper()
	values := outputsOf(t)
	workers, err := queue.ParseWorkers(values[contract.OutputWorkers])
	if err != nil {
		t.Fatal(err)
	}
	if name := workers.Of(action); name != "" {
		return workers[name].Queue
	}
	return values[contract.OutputWorkQueueURL]
}
