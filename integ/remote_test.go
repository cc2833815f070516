package integ_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/backend"
	"github.com/pay-theory/streamer/functions/handlers"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/remote"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// The roles of the local stage that programs outside have: what Streamer grants them and
// nothing else.
const (
	serviceRole = "Service"
	remoteRole  = "Remote"
)

// asRole is the stage as a program with that role reaches it; of a deployed one, as the test
// does.
func asRole(t *testing.T, role string) aws.Config {
	t.Helper()
	cfg := awsConfig(t)
	s := deployed(t)
	if s.endpoint == "" {
		return cfg
	}
	name := resourceOf(t, cfg, s, "AWS::IAM::Role", role)
	session, err := sts.NewFromConfig(cfg).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::000000000000:role/" + name), RoleSessionName: aws.String("integ"),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: *session.Credentials.AccessKeyId, SecretAccessKey: *session.Credentials.SecretAccessKey, SessionToken: *session.Credentials.SessionToken,
		}, nil
	})
	return cfg
}

// A program outside has no more than it was granted, else what follows would show nothing.
func TestCallersHaveNoMoreThanTheirGrants(t *testing.T) {
	t.Parallel()
	local(t, "roles with grants alone")
	outputs := outputsOf(t)
	for _, role := range []string{serviceRole, remoteRole} {
		cfg := asRole(t, role)
		_, sends := sqs.NewFromConfig(cfg).SendMessage(t.Context(), &sqs.SendMessageInput{
			QueueUrl: aws.String(outputs[contract.OutputWorkQueueURL]), MessageBody: aws.String("x"),
		})
		_, scans := dynamodb.NewFromConfig(cfg).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(outputs[contract.OutputRequestsTable])})
		_, reads := dynamodb.NewFromConfig(cfg).Scan(t.Context(), &dynamodb.ScanInput{TableName: aws.String(outputs[contract.OutputConnectionsTable])})
		for what, err := range map[string]error{"send to the work queue": sends, "scan the requests": scans, "read the connections": reads} {
			if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("%s may %s: %v", role, what, err)
			}
		}
	}
}

// job is a request that was handed over, and who sees it.
type job struct {
	t      *testing.T
	c      *client
	key    lifecycle.Key
	ticket string
}

// handOver has a request handed over that allows so much silence.
func handOver(t *testing.T, u user, silence time.Duration, work any) *job {
	t.Helper()
	c := dial(t, u)
	id := c.submit(t, "hand_over", handlers.HandOverIn{SilenceMS: silence.Milliseconds(), Work: object(t, work)})
	j := &job{t: t, c: c, key: lifecycle.Key{Tenant: u.tenant, ID: id}}
	j.nextTicket()
	return j
}

// nextTicket waits for a ticket other than the last one, in the place of an ECS task that
// is started with it.
func (j *job) nextTicket() {
	j.t.Helper()
	files := s3.NewFromConfig(awsConfig(j.t))
	key := contract.FilesPrefix + j.key.Tenant + "/" + j.key.ID + "/" + handlers.TicketFile
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		out, err := files.GetObject(j.t.Context(), &s3.GetObjectInput{Bucket: aws.String(outputsOf(j.t)[contract.OutputFilesBucket]), Key: &key})
		if err != nil {
			continue
		}
		text, err := io.ReadAll(out.Body)
		out.Body.Close()
		if err == nil && string(text) != j.ticket {
			j.ticket = string(text)
			return
		}
	}
	j.t.Fatalf("no ticket after %s", patience)
}

// hint sends a hint, as the reconciler does once it finds that nothing is heard.
func (j *job) hint() {
	j.t.Helper()
	work := queue.Work{Client: sqs.NewFromConfig(awsConfig(j.t)), URL: workQueue(j.t, "hand_over")}
	if err := work.Send(j.t.Context(), []queue.Hint{{Key: j.key}}); err != nil {
		j.t.Fatal(err)
	}
}

// row is the request as its table has it.
func (j *job) row() lifecycle.Row {
	j.t.Helper()
	table := store.DynamoRequests{Client: dynamodb.NewFromConfig(awsConfig(j.t)), Table: outputsOf(j.t)[contract.OutputRequestsTable]}
	row, exists, err := table.Get(j.t.Context(), j.key)
	if err != nil || !exists {
		j.t.Fatalf("the request is there: %v, %v", exists, err)
	}
	return row
}

// until waits until the row is as wanted.
func (j *job) until(what string, wanted func(lifecycle.Row) bool) lifecycle.Row {
	j.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		row := j.row()
		if wanted(row) {
			return row
		}
		if time.Now().After(end) {
			j.t.Fatalf("after %s not %s: %+v", patience, what, row)
		}
	}
}

// silent waits until the lease is over.
func (j *job) silent() {
	j.t.Helper()
	j.until("silent for long enough", func(r lifecycle.Row) bool { return r.LeaseUntil < time.Now().UnixMilli() })
}

// programs is the folder of what tests built, if any did. It goes with them.
var programs string

// reporter builds streamer-report.
var reporter = sync.OnceValues(func() (program string, err error) {
	if programs, err = os.MkdirTemp("", "integ-*"); err != nil {
		return "", err
	}
	program = filepath.Join(programs, "streamer-report")
	if out, err := exec.Command("go", "build", "-o", program, "../remote/streamer-report").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build streamer-report: %w\n%s", err, out)
	}
	return program, nil
})

// process is streamer-report, with the remote's role and a ticket in its environment and
// nothing else that the test has.
type process struct {
	*exec.Cmd
	log bytes.Buffer
}

func (j *job) start(words ...string) *process {
	j.t.Helper()
	program, err := reporter()
	if err != nil {
		j.t.Fatal(err)
	}
	cfg := asRole(j.t, remoteRole)
	credentials, err := cfg.Credentials.Retrieve(j.t.Context())
	if err != nil {
		j.t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(program, words...)}
	p.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + j.t.TempDir(), "STREAMER_TICKET=" + j.ticket, "AWS_REGION=" + cfg.Region, "AWS_ENDPOINT_URL=" + deployed(j.t).endpoint,
		"AWS_XRAY_DAEMON_ADDRESS=" + strings.TrimPrefix(deployed(j.t).endpoint, "http://"),
		"AWS_ACCESS_KEY_ID=" + credentials.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + credentials.SecretAccessKey, "AWS_SESSION_TOKEN=" + credentials.SessionToken,
	}
	p.Stdout, p.Stderr = &p.log, &p.log
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a container dies with all that is in it
	p.WaitDelay = time.Second                           // for what a command leaves behind
	if err := p.Start(); err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { p.kill() })
	return p
}

func (p *process) kill() { _ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL) } // it may have ended

// ends waits for a process to end with that status, -1 if it is killed.
func (j *job) ends(p *process, status int) {
	j.t.Helper()
	_ = p.Wait() // the status tells
	if got := p.ProcessState.ExitCode(); got != status {
		j.t.Fatalf("%v ended with %v, want status %d\n%s", p.Args[1:], p.ProcessState, status, &p.log)
	}
}

// run runs streamer-report to its end.
func (j *job) run(status int, words ...string) {
	j.t.Helper()
	j.ends(j.start(words...), status)
}

// shell is a command for streamer-report run.
func shell(script string) []string { return []string{"run", "sh", "-c", script} }

// percentages are those of the progress that came.
func (j *job) percentages() (all []float64) {
	for _, f := range j.c.of(j.key.ID) {
		if p, ok := f.Frame.(protocol.Progress); ok {
			all = append(all, p.Percentage)
		}
	}
	return all
}

// A plain process, as an ECS task is one, works on a request in place of its handler.
func TestRequestGoesOnInAnotherProcess(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), time.Minute, map[string]int{"n": 7})
	j.run(0, shell(`
		read payload
		echo progress 30 Querying data...
		sleep 1
		echo a line for the log
		echo "progress 60% $STREAMER_ATTEMPT $STREAMER_REQUEST_ID ${STREAMER_TICKET:-none}"
		echo "complete {\"payload\":$payload}"`)...)
	f := as[protocol.Complete](t, j.c.end(t, j.key.ID))
	if want := `{"payload":{"silence_ms":60000,"work":{"n":7}}}`; string(f.Result) != want || f.Attempt != 1 {
		t.Errorf("got %+v, want %s", f, want)
	}
	var texts []string
	for _, f := range j.c.of(j.key.ID) {
		if p, ok := f.Frame.(protocol.Progress); ok {
			texts = append(texts, fmt.Sprintf("%.0f %s", p.Percentage, p.Message))
		}
	}
	if want := []string{"30 Querying data...", "60 1 " + j.key.ID + " none"}; !slices.Equal(texts, want) {
		t.Errorf("progress %q, want %q", texts, want)
	}
	j.until("marked as told", func(r lifecycle.Row) bool { return r.Notice == contract.NoticeGiven })
	if r := j.row(); r.Fence != 3 {
		t.Errorf("the row is %+v", r)
	}
	j.run(4, "progress", "99") // it is over
}

// Each word comes from a process of its own, as from the states of a Step Functions
// execution.
func TestRequestGoesOnInManyProcesses(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), time.Minute, nil)
	for _, percentage := range []string{"10", "20", "30"} {
		j.run(0, "progress", percentage, "at", "it")
	}
	if r := row(t, j.c, j.key.ID); r.Status != protocol.Processing || r.Percentage != 30 || r.Message != "at it" {
		t.Errorf("the request is %+v", r)
	}
	j.run(0, "complete", `{"pages": 12}`)
	if f := as[protocol.Complete](t, j.c.end(t, j.key.ID)); string(f.Result) != `{"pages":12}` {
		t.Errorf("got %+v", f)
	}
	if got := j.percentages(); !slices.Equal(got, []float64{10, 20, 30}) {
		t.Errorf("progress %v", got)
	}
	// All of them are in one trace.
	awaitTree(t, j.key.ID, "streamer.message(put streamer.send(streamer.queue streamer.attempt(claim handler hand over post))"+
		strings.Repeat(" streamer.report(pulse post)", 3)+" streamer.attempt(claim handler complete post told)[ streamer.send.*]?)")
}

func TestProcessFailsItsRequest(t *testing.T) {
	t.Parallel()
	u := fresh()
	final := handOver(t, u, time.Minute, nil)
	final.run(0, "fail", "BAD_VIDEO", "there", "is", "no", "video")
	if f := as[protocol.FailedFrame](t, final.c.end(t, final.key.ID)); f.Code != "BAD_VIDEO" || f.Message != "there is no video" {
		t.Errorf("got %+v", f)
	}
	again := handOver(t, u, time.Minute, nil)
	again.run(0, shell(`echo progress 10; exit 3`)...)
	again.nextTicket() // the handler ran again
	again.run(0, shell(`true`)...)
	if f := as[protocol.Complete](t, again.c.end(t, again.key.ID)); string(f.Result) != "null" || f.Attempt != 2 {
		t.Errorf("got %+v", f)
	}
}

// A process that is killed is silent, and the next attempt has its place. What the dead one
// had in its hands is of no use to anybody.
func TestKilledProcessIsReplaced(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), 2*time.Second, nil)
	dead := *j
	p := j.start(shell(`echo progress 40; sleep 600`)...)
	j.c.progress(t, j.key.ID)
	p.kill()
	j.ends(p, -1)
	j.silent()
	j.hint()
	j.nextTicket()
	dead.run(4, "complete", `"dead"`)
	j.run(0, shell(`echo progress 10; echo 'complete "alive"'`)...)
	if f := as[protocol.Complete](t, j.c.end(t, j.key.ID)); string(f.Result) != `"alive"` || f.Attempt != 2 {
		t.Errorf("got %+v", f)
	}
	dead.run(4, "progress", "99")
	if got := j.percentages(); !slices.Equal(got, []float64{40, 10}) {
		t.Errorf("progress %v", got)
	}
}

// One that stood still while the next attempt began writes and posts nothing more.
func TestFrozenProcessIsFencedOffOutside(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), 2*time.Second, nil)
	p := j.start(shell(`while true; do n=$((n+1)); echo progress $n frozen; sleep 0.1; done`)...)
	j.c.progress(t, j.key.ID)
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	j.silent()
	j.hint()
	j.nextTicket()
	j.run(0, "progress", "50", "fresh")
	began := j.row().Fence
	if err := syscall.Kill(-p.Process.Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	j.ends(p, 4)
	j.run(0, "complete", `"fresh"`)
	if f := as[protocol.Complete](t, j.c.end(t, j.key.ID)); string(f.Result) != `"fresh"` || f.Attempt != 2 {
		t.Errorf("got %+v", f)
	}
	if r := j.row(); r.Fence != began+1 {
		t.Errorf("somebody took it between: fence %d, then %d", began, r.Fence)
	}
	fresh := false
	for _, f := range j.c.of(j.key.ID) {
		p, ok := f.Frame.(protocol.Progress)
		if fresh = fresh || ok && p.Message == "fresh"; ok && fresh && p.Message == "frozen" {
			t.Errorf("the frozen process posted %s after the fresh one", f.raw)
		}
	}
}

// The newest process with a ticket has the attempt: one that was restarted with the same.
func TestRestartedProcessHasTheAttempt(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), time.Minute, nil)
	p := j.start(shell(`echo progress 40; exec sleep 600`)...)
	j.c.progress(t, j.key.ID)
	j.run(0, "progress", "50")
	j.ends(p, 4) // at its next pulse
	j.run(0, "complete")
	if f := as[protocol.Complete](t, j.c.end(t, j.key.ID)); f.Attempt != 1 || string(f.Result) != "null" {
		t.Errorf("got %+v", f)
	}
}

func TestCancelReachesTheProcess(t *testing.T) {
	t.Parallel()
	u := fresh()
	running := handOver(t, u, time.Minute, nil)
	p := running.start(shell(`trap 'echo stopped >&2; exit 1' TERM; echo progress 5; while true; do sleep 0.1; done`)...)
	running.c.progress(t, running.key.ID)
	cancel(t, running.c, running.key.ID)
	running.ends(p, 0) // its end is stored
	as[protocol.CancelledFrame](t, running.c.end(t, running.key.ID))
	if !strings.Contains(p.log.String(), "stopped") {
		t.Errorf("the command was not told to stop: %s", &p.log)
	}

	between := handOver(t, u, time.Minute, nil)
	between.run(0, "progress", "5")
	if _, err := service(t).As(u.tenant, u.name).Cancel(t.Context(), between.key.ID); err != nil {
		t.Fatal(err)
	}
	between.run(3, "progress", "6")
	as[protocol.CancelledFrame](t, between.c.end(t, between.key.ID))
	between.run(3, "progress", "7")

	done := handOver(t, u, time.Minute, nil)
	cancel(t, done.c, done.key.ID)
	done.run(3, "complete", "1") // it is not stored
	as[protocol.CancelledFrame](t, done.c.end(t, done.key.ID))
}

// A result that is not stored is not taken for stored by who brought it.
func TestResultThatCannotBeStored(t *testing.T) {
	s := local(t, "calls that fail")
	t.Parallel()
	j := handOver(t, fresh(), time.Minute, nil)
	faults(t, s, front.Rule{Operation: "s3.PutObject", Contains: []string{j.key.ID, "_result"}, Fault: front.FaultError, Status: 403, Code: "AccessDenied"})
	j.run(4, "complete", `"`+strings.Repeat("x", protocol.MaxInline)+`"`)
	if r := j.row(); r.Status.Terminal() || r.Code != protocol.Internal {
		t.Errorf("the row is %+v", r)
	}
}

// A service that cancels what waits for its next attempt can tell nobody. A processor does,
// long before that attempt's time.
func TestWhoWatchesHearsOfAServicesCancel(t *testing.T) {
	t.Parallel()
	u := fresh()
	j := handOver(t, u, time.Minute, nil)
	if err := remote.Fail(t.Context(), remote.Config{AWS: asRole(t, remoteRole)}, j.ticket, streamer.Retryable(errors.New("later"), time.Hour)); err != nil {
		t.Fatal(err)
	}
	j.c.wait(t, "retrying", func(f frame) bool { return f.RequestID == j.key.ID && f.Type() == protocol.TypeRetrying })
	state, err := service(t).As(u.tenant, u.name).Cancel(t.Context(), j.key.ID)
	if err != nil || state.Status != protocol.Cancelled {
		t.Fatalf("got %+v, %v", state, err)
	}
	as[protocol.CancelledFrame](t, j.c.end(t, j.key.ID))
	j.until("marked as told", func(r lifecycle.Row) bool { return r.Notice == contract.NoticeGiven })
}

// Killed at each of its calls and started again with the same ticket, as a container is, the
// process ends its request once, in the same attempt, and everyone is told. A call that it
// was killed before arrives long after it is gone.
func TestRemoteProcessKilledAtEachCall(t *testing.T) {
	s := local(t, "calls that may be held up")
	for _, call := range []front.Rule{
		{Operation: "dynamodb.GetItem"},
		{Operation: "dynamodb.UpdateItem", Contains: []string{"#handed"}},
		{Operation: "dynamodb.UpdateItem", Contains: []string{"COMPLETED"}},
		{Operation: "execute-api.PostToConnection", Contains: []string{"progress"}},
		{Operation: "execute-api.PostToConnection", Contains: []string{"complete"}},
		{Operation: "dynamodb.UpdateItem", Contains: []string{"given"}},
	} {
		for _, when := range []string{front.Before, front.After} {
			t.Run(strings.Join(append([]string{when, call.Operation}, call.Contains...), " "), func(t *testing.T) {
				t.Parallel()
				j := handOver(t, fresh(), time.Minute, nil)
				rule := call
				rule.Fault, rule.When, rule.Count, rule.DelayMS = front.FaultDelay, when, 1, 4000
				rule.Contains = append(slices.Clone(call.Contains), j.key.ID)
				set := faults(t, s, rule)
				work := shell(`echo progress 50; sleep 0.5; echo 'complete "once"'`)
				p := j.start(work...)
				awaitHits(t, s, set, 1)
				p.kill()
				_ = p.Wait() // killed, or so slowly that it has ended by itself
				clearFaults(t, s, set)
				again := j.start(work...)
				_ = again.Wait()
				if status := again.ProcessState.ExitCode(); status != 0 && status != 4 {
					t.Errorf("the second ended with %v\n%s", again.ProcessState, &again.log)
				}
				if f := as[protocol.Complete](t, j.c.end(t, j.key.ID)); string(f.Result) != `"once"` || f.Attempt != 1 {
					t.Errorf("got %+v", f)
				}
				j.until("marked as told", func(r lifecycle.Row) bool { return r.Notice == contract.NoticeGiven })
			})
		}
	}
}

// A Go program runs a handler like any other, with files, checkpoints and effects.
func TestHandlerRunsOutside(t *testing.T) {
	t.Parallel()
	u := fresh()
	ann := service(t).As(u.tenant, u.name)
	what := object(t, filled(t, 2000))
	run, err := backend.Submit(t.Context(), ann, handlers.HandOver, handlers.HandOverIn{Work: what}, nil)
	if err != nil {
		t.Fatal(err)
	}
	j := &job{t: t, c: dial(t, u), key: lifecycle.Key{Tenant: u.tenant, ID: run.ID()}}
	as[protocol.Subscribed](t, j.c.about(t, protocol.ActionSubscribe, run.ID()))
	j.nextTicket()
	c := remote.Config{AWS: asRole(t, remoteRole)}
	attempts := 0
	handler := func(ctx context.Context, req *streamer.Request[handlers.HandOverIn], r streamer.Reporter[json.RawMessage]) error {
		attempts++
		at, _, err := streamer.Restore[int](ctx)
		if err != nil {
			return err
		}
		effect, err := streamer.Once(ctx, "count", func(context.Context) (int, error) { return attempts, nil })
		if err != nil {
			return err
		}
		if at == 0 {
			r.Step(10, "halfway")
			if err := streamer.Checkpoint(ctx, 1); err != nil {
				return err
			}
			return &streamer.Error{Code: "BUSY", Message: "not now", Retryable: true}
		}
		if !bytes.Equal(req.Payload.Work, what) || req.Attempt != 2 || effect != 1 {
			t.Errorf("attempt %d, effect %d, %d bytes of work", req.Attempt, effect, len(req.Payload.Work))
		}
		if _, err := req.Files.Put(ctx, "made.txt", "text/plain", strings.NewReader("made")); err != nil {
			return err
		}
		return r.Complete(json.RawMessage(`{"made":true}`))
	}
	if err := remote.Run(t.Context(), c, j.ticket, handlers.HandOver.Bind(handler)); err != nil {
		t.Fatal(err)
	}
	j.nextTicket()
	if err := remote.Run(t.Context(), c, j.ticket, handlers.HandOver.Bind(handler)); err != nil {
		t.Fatal(err)
	}
	if out, err := run.Result(t.Context()); err != nil || string(out) != `{"made":true}` || attempts != 2 {
		t.Errorf("got %s, %v, after %d attempts", out, err, attempts)
	}
	as[protocol.Complete](t, j.c.end(t, run.ID()))
	if err := remote.Report(t.Context(), c, j.ticket, 1, ""); !errors.Is(err, streamer.ErrLost) {
		t.Errorf("after its end: %v", err)
	}
}

// A request that nobody takes up goes the way of all that are not heard of: attempt after
// attempt, until it has failed.
func TestNobodyTakesItUp(t *testing.T) {
	t.Parallel()
	j := handOver(t, fresh(), time.Second, nil)
	for range streamer.DefaultAttempts - 1 {
		j.silent()
		j.hint()
		j.nextTicket()
	}
	j.silent()
	j.hint()
	if f := as[protocol.FailedFrame](t, j.c.end(t, j.key.ID)); f.Code != protocol.AttemptsExhausted || f.Attempt != streamer.DefaultAttempts {
		t.Errorf("got %+v", f)
	}
	j.run(4, "complete")
}
