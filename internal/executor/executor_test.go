package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

type (
	request  = *streamer.Request[json.RawMessage]
	reporter = streamer.Reporter[json.RawMessage]
)

var ended = func(how contract.Metric) map[contract.Metric]int {
	return map[contract.Metric]int{how: 1, contract.MetricDuration: 1, contract.MetricQueueWait: 1}
}

func TestSuccess(t *testing.T) {
	play(t, "with a result", func(t *testing.T, r *rig) {
		var got streamer.Request[json.RawMessage]
		r.handler = func(ctx context.Context, req request, rep reporter) error {
			got = *req
			rep.Report(10, "a")
			time.Sleep(time.Second)
			rep.Report(20, "b")
			return rep.Complete(json.RawMessage(`{"n":1.10,"s":"<&>"}`))
		}
		r.wantDone(r.deliver("m1"))
		r.wantFrames("10", "20", "complete")
		r.wantStatus(protocol.Completed, "")
		r.wantCounts(ended(contract.MetricCompleted))
		if row := r.row(); row.Result != `{"n":1.10,"s":"<&>"}` || row.Percentage != 100 || row.Fence != 1 || row.Carrier != "m1" || row.TTL == 0 {
			t.Errorf("row %+v", row)
		}
		f := r.frames["c"][2].(protocol.Complete)
		if string(f.Result) != `{"n":1.10,"s":"<&>"}` || f.Seq != r.row().Seq || f.Attempt != 1 || f.Ref != "ref" || f.RequestID != key.ID {
			t.Errorf("frame %+v", f)
		}
		want := streamer.Request[json.RawMessage]{
			ID: key.ID, Action: "work", Tenant: "acme", User: "ann", Attempt: 1, CreatedAt: r.began, Deadline: r.began.Add(time.Hour),
			Payload: json.RawMessage(`{"n":1.10}`),
		}
		got.Files = nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("request %+v, want %+v", got, want)
		}
	})
	play(t, "without", func(t *testing.T, r *rig) {
		r.handler = fail(nil)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
		if row := r.row(); row.Result != "null" {
			t.Errorf("result %q", row.Result)
		}
	})
	play(t, "as large as a row takes", func(t *testing.T, r *rig) {
		r.handler = succeed(large(protocol.MaxInline))
		r.wantDone(r.deliver("m1"))
		if row := r.row(); len(row.Result) != protocol.MaxInline || row.ResultAt != "" {
			t.Errorf("%d bytes at %q", len(row.Result), row.ResultAt)
		}
	})
	play(t, "larger", func(t *testing.T, r *rig) {
		r.handler = succeed(large(protocol.MaxInline + 1))
		r.wantDone(r.deliver("m1"))
		row := r.row()
		if row.Result != "" || row.ResultAt != lifecycle.PlaceObject || row.ResultSize != protocol.MaxInline+1 || len(row.ResultHash) != 32 {
			t.Errorf("row %+v", row)
		}
		f := r.frames["c"][0].(protocol.Complete)
		if string(f.Result) != "null" || f.ResultRef == nil || f.ResultRef.Size != row.ResultSize {
			t.Errorf("frame %+v", f)
		}
		if doc := r.docs[view.ResultKey(key, 1)]; len(doc) != protocol.MaxInline+1 {
			t.Errorf("stored %d bytes", len(doc))
		}
	})
	play(t, "with nobody there", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrGone
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			rep.Step(1, "")
			time.Sleep(20 * time.Second)
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		if row := r.row(); len(row.Watchers) != 0 {
			t.Errorf("watchers %v", row.Watchers)
		}
	})
}

func TestPayload(t *testing.T) {
	echo := func(_ context.Context, req request, rep reporter) error { return rep.Complete(req.Payload) }
	play(t, "beside the row", func(t *testing.T, r *rig) {
		r.handler = echo
		r.accept(func(s *lifecycle.Submission) { s.Payload, s.PayloadAt, s.Hash = "", lifecycle.PlaceItem, []byte{1} })
		if err := r.table.PutPayload(t.Context(), key, []byte{1}, `"beside"`, time.Now()); err != nil {
			t.Fatal(err)
		}
		r.wantDone(r.deliver("m1"))
		if row := r.row(); row.Result != `"beside"` {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "in an object", func(t *testing.T, r *rig) {
		r.handler = echo
		r.accept(func(s *lifecycle.Submission) { s.Payload, s.PayloadAt, s.Hash = "", lifecycle.PlaceObject, []byte{1} })
		r.docs[view.PayloadKey(key, []byte{1})] = []byte(`"object"`)
		r.wantDone(r.deliver("m1"))
		if row := r.row(); row.Result != `"object"` {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "not there", func(t *testing.T, r *rig) {
		r.handler = echo
		r.accept(func(s *lifecycle.Submission) { s.Payload, s.PayloadAt, s.Hash = "", lifecycle.PlaceObject, []byte{1} })
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
	})
}

func TestFailure(t *testing.T) {
	play(t, "is tried again", func(t *testing.T, r *rig) {
		tries := 0
		r.handler = func(_ context.Context, req request, rep reporter) error {
			tries++
			rep.Step(float64(req.Attempt), "")
			if tries < 3 {
				return errors.New("connection reset by database with a secret in its name")
			}
			return nil
		}
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		r.wantBack(500 * time.Millisecond)
		row := r.row()
		f := r.frames["c"][1].(protocol.RetryingFrame)
		if f.NextAt != row.NextAt || f.Attempt != 1 || f.Code != protocol.Internal || row.LeaseUntil != 0 {
			t.Errorf("frame %+v, row %+v", f, row)
		}
		if strings.Contains(row.Error, "secret") || !strings.Contains(r.log.String(), "secret") {
			t.Errorf("the client is told %q; logged is\n%s", row.Error, r.log.String())
		}
		r.wantKept(r.deliver("m1")) // too early
		r.wantBack(500 * time.Millisecond)
		if err := r.deliver("m2"); err != nil { // another hint, too early
			t.Errorf("another message is kept: %v", err)
		}
		time.Sleep(500 * time.Millisecond)
		r.wantKept(r.deliver("m1"))
		r.wantBack(time.Second)
		time.Sleep(time.Second)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("1", "retrying", "2", "retrying", "3", "complete")
		if row := r.row(); row.Attempt != 3 || row.Fence != 3 {
			t.Errorf("attempt %d, fence %d", row.Attempt, row.Fence)
		}
		want := ended(contract.MetricCompleted)
		want[contract.MetricRetried] = 2
		r.wantCounts(want)
	})
	play(t, "without a code", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { return &streamer.Error{Message: "no"} }
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Internal)
	})
	play(t, "of the last attempt", func(t *testing.T, r *rig) {
		r.handler = fail(&streamer.Error{Code: "BUSY", Message: "later", Retryable: true})
		r.accept(func(s *lifecycle.Submission) { s.MaxAttempts = 1 })
		r.wantDone(r.deliver("m1"))
		r.wantFrames("failed")
		r.wantStatus(protocol.Failed, "BUSY")
		if f := r.frames["c"][0].(protocol.FailedFrame); f.Message != "later" || f.Code != "BUSY" {
			t.Errorf("frame %+v", f)
		}
	})
	play(t, "for good", func(t *testing.T, r *rig) {
		r.handler = fail(fmt.Errorf("wrapped: %w", streamer.Errorf("NO_SUCH_ORDER", "order %d", 7)))
		r.wantDone(r.deliver("m1"))
		r.wantFrames("failed")
		r.wantStatus(protocol.Failed, "NO_SUCH_ORDER")
		r.wantCounts(ended(contract.MetricFailed))
	})
	play(t, "for good, without a code", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.Permanent(errors.New("a secret")))
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Internal)
		if row := r.row(); strings.Contains(row.Error, "secret") || !strings.Contains(r.log.String(), "a secret") {
			t.Errorf("the client is told %q; logged is\n%s", row.Error, r.log.String())
		}
	})
	play(t, "for good, of what might be tried again", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.Permanent(&streamer.Error{Code: "BUSY", Retryable: true}))
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, "BUSY")
	})
	play(t, "is tried again although it is typed", func(t *testing.T, r *rig) {
		r.handler = fail(fmt.Errorf("wrapped: %w", streamer.Retryable(streamer.Errorf("NO_STOCK", "none left"), 0)))
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, "NO_STOCK")
		r.wantBack(500 * time.Millisecond)
	})
	play(t, "with a long message", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.Errorf("X", "x%s", strings.Repeat("ä", 300)))
		r.wantDone(r.deliver("m1"))
		if got := r.row().Error; got != "x"+strings.Repeat("ä", 249) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
	})
	play(t, "by a panic", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { panic("boom") }
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		if !strings.Contains(r.log.String(), "boom") || !strings.Contains(r.log.String(), "executor_test.go") {
			t.Errorf("logged:\n%s", r.log.String())
		}
	})
	play(t, "past the deadline is not tried again", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("x"))
		r.accept(func(s *lifecycle.Submission) { s.Deadline = 500 * time.Millisecond })
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Internal)
	})
	play(t, "action is unknown", func(t *testing.T, r *rig) {
		r.accept(func(s *lifecycle.Submission) { s.Action = "nobody.knows" })
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.UnknownAction)
	})
	play(t, "result cannot be stored", func(t *testing.T, r *rig) {
		r.docErr = errNoAnswer
		r.handler = succeed(large(protocol.MaxInline + 1))
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Internal)
		r.wantFrames("retrying")
	})
	play(t, "after the end is only logged", func(t *testing.T, r *rig) {
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			if err := rep.Complete(json.RawMessage(`1`)); err != nil {
				t.Error(err)
			}
			return errors.New("too late")
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("complete")
		if !strings.Contains(r.log.String(), "too late") {
			t.Errorf("logged:\n%s", r.log.String())
		}
	})
}

func TestTimes(t *testing.T) {
	play(t, "timeout", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Retrying, protocol.Timeout)
		if !errors.Is(cause, streamer.ErrTimeout) || time.Since(r.began) != timeout {
			t.Errorf("cause %v after %s", cause, time.Since(r.began))
		}
	})
	play(t, "timeout of a handler that does not listen", func(t *testing.T, r *rig) {
		late := make(chan error)
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			time.Sleep(2 * timeout)
			rep.Step(50, "still here")
			err := rep.Complete(json.RawMessage(`1`))
			late <- err
			return err
		}
		r.wantKept(r.deliver("m1"))
		if took := time.Since(r.began); took != timeout+2*time.Second {
			t.Errorf("left behind after %s", took)
		}
		r.wantStatus(protocol.Retrying, protocol.Timeout)
		if err := <-late; err == nil {
			t.Error("it completed")
		}
		r.wantStatus(protocol.Retrying, protocol.Timeout)
		r.wantFrames("retrying")
	})
	play(t, "deadline before the start", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("it ran"))
		time.Sleep(time.Hour)
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		r.wantFrames("failed")
		r.wantCounts(map[contract.Metric]int{contract.MetricFailed: 1, contract.MetricDuration: 1})
		if row := r.row(); row.Fence != 1 || row.Attempt != 0 || row.Carrier != "m1" {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "deadline while it runs", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		r.accept(func(s *lifecycle.Submission) { s.Deadline = 20 * time.Second })
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		if !errors.Is(cause, streamer.ErrDeadline) || time.Since(r.began) != 20*time.Second {
			t.Errorf("cause %v after %s", cause, time.Since(r.began))
		}
	})
	play(t, "function's own", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
		defer cancel()
		r.wantKept(r.deliverTo(ctx, "m1"))
		r.wantStatus(protocol.Retrying, protocol.Timeout)
		if !errors.Is(cause, streamer.ErrTimeout) || time.Since(r.began) != 30*time.Second {
			t.Errorf("cause %v after %s", cause, time.Since(r.began))
		}
	})
	play(t, "function's own leaves time to say that not everyone was told", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			<-ctx.Done()
			return streamer.Errorf("X", "given up")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		r.accept(func(s *lifecycle.Submission) { s.MaxAttempts = 1 })
		r.wantKept(r.deliverTo(ctx, "m1"))
		if took := time.Since(r.began); took > 10*time.Second {
			t.Errorf("done after %s of 12", took)
		}
		r.wantBack(30 * time.Second)
		if row := r.row(); row.Reposts != 1 {
			t.Errorf("counted %d", row.Reposts)
		}
	})
	play(t, "function is stopped", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		r.wantKept(r.deliverTo(ctx, "m1"))
		r.wantStatus(protocol.Processing, "")
		r.wantFrames()
	})
	play(t, "held while it runs", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { time.Sleep(50 * time.Second); return nil }
		r.wantDone(r.deliver("m1"))
		if want := []hold{{0, time.Minute}, {30 * time.Second, time.Minute}}; !slices.Equal(r.holds, want) {
			t.Errorf("held %v, want %v", r.holds, want)
		}
		time.Sleep(10 * time.Minute)
		if len(r.holds) != 2 {
			t.Errorf("held on: %v", r.holds)
		}
	})
	play(t, "back-off grows, and is never over a minute", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("x"))
		r.Random = func() float64 { return 1 }
		r.accept(func(s *lifecycle.Submission) { s.MaxAttempts = 10 })
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			r.wantKept(r.deliver("m1"))
			r.wantBack(want * time.Second)
			time.Sleep(want * time.Second)
		}
		r.wantDone(r.deliver("m1"))
	})
	play(t, "back-off is the action's own", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("x"))
		r.declare(func(a *action) { a.Backoff = streamer.Backoff{First: 8 * time.Hour, Most: streamer.MaxWait} })
		r.accept(func(s *lifecycle.Submission) { s.Deadline = protocol.MaxDeadline })
		r.wantKept(r.deliver("m1"))
		r.wantBack(4 * time.Hour)
		time.Sleep(4 * time.Hour)
		r.wantKept(r.deliver("m1"))
		r.wantBack(streamer.MaxWait / 2)
		if row := r.row(); row.NextAt != time.Now().Add(streamer.MaxWait/2).UnixMilli() || event(r.frames["c"][1]).TS == row.NextAt {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "a wait that the handler names", func(t *testing.T, r *rig) {
		for attempt, after := range []time.Duration{20 * time.Minute, 10 * time.Millisecond} {
			r.handler = fail(streamer.Retryable(streamer.Errorf("BUSY", "later"), after))
			r.wantKept(r.deliver("m1"))
			r.wantBack(after)
			r.wantStatus(protocol.Retrying, "BUSY")
			f := r.frames["c"][attempt].(protocol.RetryingFrame)
			if next := time.Now().Add(after).UnixMilli(); f.NextAt != next || r.row().NextAt != next || f.Attempt != attempt+1 || f.Code != "BUSY" {
				t.Errorf("frame %+v, row %+v, want %d", f, r.row(), next)
			}
			time.Sleep(after)
		}
		r.wantDone(r.deliver("m1")) // the last attempt
		r.wantStatus(protocol.Failed, "BUSY")
		r.wantFrames("retrying", "retrying", "failed")
	})
	play(t, "a wait that the handler names, past the deadline", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.Retryable(streamer.Errorf("BUSY", "later"), time.Hour))
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, "BUSY")
	})
	play(t, "deadline while the next attempt waits", func(t *testing.T, r *rig) {
		r.handler = fail(streamer.Retryable(errors.New("x"), time.Hour-time.Second))
		r.wantKept(r.deliver("m1"))
		time.Sleep(time.Hour) // the queue is late
		r.handler = fail(errors.New("it ran"))
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		r.wantFrames("retrying", "failed")
		if row := r.row(); row.Attempt != 1 || strings.Contains(r.log.String(), "it ran") {
			t.Errorf("row %+v", row)
		}
	})
	play(t, "the back-off's hold is the last", func(t *testing.T, r *rig) {
		r.holdTakes = time.Second
		r.handler = func(context.Context, request, reporter) error {
			time.Sleep(clocks.Visibility/2 - 500*time.Millisecond) // soon the message is held again
			return errors.New("x")
		}
		r.wantKept(r.deliver("m1"))
		r.wantBack(500 * time.Millisecond)
	})
}

func TestCancel(t *testing.T) {
	play(t, "while it runs", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		time.AfterFunc(time.Second, r.cancel)
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("cancelled")
		r.wantCounts(ended(contract.MetricCancelled))
		if !errors.Is(cause, streamer.ErrCancelled) || time.Since(r.began) != clocks.PulseIdle {
			t.Errorf("cause %v after %s", cause, time.Since(r.began))
		}
	})
	play(t, "while it fails", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error {
			r.cancel()
			return errors.New("x")
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("cancelled")
	})
	play(t, "while it completes", func(t *testing.T, r *rig) {
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			r.cancel()
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
	})
	play(t, "while a retry is due", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("x"))
		r.wantKept(r.deliver("m1"))
		r.cancel()
		r.wantDone(r.deliver("m1"))
		r.wantFrames("retrying", "cancelled")
		r.wantStatus(protocol.Cancelled, protocol.Internal)
	})
	play(t, "before its first claim", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("it ran"))
		r.cancel()
		r.wantDone(r.deliver("m1"))
		r.wantFrames("cancelled")
		r.wantStatus(protocol.Cancelled, "")
	})
	play(t, "of a dead worker's", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("it ran"))
		r.change(lifecycle.Claim("m1", "dead", time.Now(), clocks.Lease))
		r.cancel()
		r.wantKept(r.deliver("m1"))
		time.Sleep(clocks.Lease + time.Millisecond)
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantFrames("cancelled")
	})
}

func TestVerdicts(t *testing.T) {
	play(t, "no such request", func(t *testing.T, r *rig) {
		if err := r.Deliver(t.Context(), executorDelivery("01JGH00000000000000000000Z")); err != nil {
			t.Errorf("kept: %v", err)
		}
	})
	play(t, "message is somebody else's by now", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("it ran"))
		r.holdErr = errors.New("ReceiptHandleIsInvalid")
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Pending, "")
	})
	play(t, "another worker runs it", func(t *testing.T, r *rig) {
		r.handler = func(context.Context, request, reporter) error { time.Sleep(20 * time.Second); return nil }
		result := make(chan error)
		go func() { result <- r.deliver("m1") }()
		time.Sleep(time.Second)
		if err := r.deliver("m2"); err != nil { // another message is of no use
			t.Errorf("the other message is kept: %v", err)
		}
		r.wantKept(r.deliver("m1")) // the same one is what brings it back
		r.wantBack(clocks.Lease - time.Second + 5*time.Second)
		r.wantDone(<-result)
		r.wantFrames("complete")
		if row := r.row(); row.Attempt != 1 {
			t.Errorf("attempt %d", row.Attempt)
		}
		r.wantDone(r.deliver("m1")) // told again
		r.wantFrames("complete", "complete")
		if err := r.deliver("m2"); err != nil {
			t.Errorf("the other message is kept: %v", err)
		}
		r.wantFrames("complete", "complete")
	})
	play(t, "attempts are exhausted by dying workers", func(t *testing.T, r *rig) {
		r.handler = fail(errors.New("it ran"))
		for range attempts {
			r.change(lifecycle.Claim("m1", "dead", time.Now(), clocks.Lease))
			time.Sleep(clocks.Lease + time.Millisecond)
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.AttemptsExhausted)
		r.wantFrames("failed")
	})
	play(t, "it is ended by a message that is gone, and the answer is lost", func(t *testing.T, r *rig) {
		time.Sleep(time.Hour)
		r.after = named("end", 1, errNoAnswer)
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Failed, protocol.Deadline)
		r.wantFrames()
		r.wantNotice(contract.NoticeDue)
		r.wantDone(r.deliver("m2")) // what the stream says of the end
		r.wantFrames("failed")
		r.wantNotice(contract.NoticeGiven)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("failed")
	})
	for _, hold := range []struct {
		takes time.Duration
		due   string
	}{{0, ""}, {clocks.Visibility, contract.NoticeDue}} {
		play(t, fmt.Sprintf("it is claimed %s after its message was held", hold.takes), func(t *testing.T, r *rig) {
			r.handler = succeed(`1`)
			r.holdTakes = hold.takes
			r.fate["c"] = streamer.ErrThrottled
			err := r.deliver("m1")
			r.wantNotice(hold.due)
			r.set(func() { r.fate["c"] = nil })
			if hold.due == "" {
				r.wantKept(err) // the message comes back
				r.wantDone(r.deliver("m2"))
				r.wantFrames()
				return
			}
			r.wantDone(err)
			r.wantDone(r.deliver("m2"))
			r.wantFrames("complete")
			r.wantNotice(contract.NoticeGiven)
		})
	}
	play(t, "it moves while it is ended", func(t *testing.T, r *rig) {
		time.Sleep(time.Hour)
		r.before = func(u lifecycle.Update) error {
			if u.Name == "end" {
				row := r.row()
				row.Fence, row.Status = 0, protocol.Pending
				r.change(lifecycle.End(row, lifecycle.ReasonCancelled, "", time.Now()))
			}
			return nil
		}
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Cancelled, "")
		r.wantCounts(map[contract.Metric]int{})
	})
	play(t, "table does not answer", func(t *testing.T, r *rig) {
		r.before = func(lifecycle.Update) error { return errNoAnswer }
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Pending, "")
	})
	play(t, "answer of the claim is lost", func(t *testing.T, r *rig) {
		r.handler = succeed(`1`)
		r.after = named("claim", 1, errNoAnswer)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
		if row := r.row(); row.Attempt != 1 {
			t.Errorf("attempt %d", row.Attempt)
		}
	})
}

func TestOutcomeWrite(t *testing.T) {
	for name, handler := range map[string]streamer.Handler[json.RawMessage, json.RawMessage]{
		"complete": succeed(`1`), "fail": fail(streamer.Errorf("X", "x")), "retry": fail(errors.New("x")),
	} {
		want := map[string]protocol.Status{"complete": protocol.Completed, "fail": protocol.Failed, "retry": protocol.Retrying}[name]
		frame := map[string]string{"complete": "complete", "fail": "failed", "retry": "retrying"}[name]
		play(t, name+": answer lost", func(t *testing.T, r *rig) {
			r.handler, r.after = handler, named(name, 1, errNoAnswer)
			err := r.deliver("m1")
			if name == "retry" {
				r.wantKept(err)
				r.wantBack(500*time.Millisecond - 200*time.Millisecond)
			} else {
				r.wantDone(err)
			}
			r.wantFrames(frame)
			if got := r.row().Status; got != want {
				t.Errorf("got %s", got)
			}
			if n := r.counts[contract.MetricCompleted] + r.counts[contract.MetricFailed] + r.counts[contract.MetricRetried]; n != 1 {
				t.Errorf("counted %v", r.counts)
			}
		})
		play(t, name+": table is down for a while", func(t *testing.T, r *rig) {
			r.handler = handler
			r.before = func(u lifecycle.Update) error {
				if u.Name == name && time.Since(r.began) < 20*time.Second {
					return errNoAnswer
				}
				return nil
			}
			if err := r.deliver("m1"); name != "retry" {
				r.wantDone(err)
			}
			r.wantFrames(frame)
			if got := r.row().Status; got != want {
				t.Errorf("got %s", got)
			}
		})
		play(t, name+": table is down for good", func(t *testing.T, r *rig) {
			r.handler = handler
			r.before = func(u lifecycle.Update) error {
				if u.Name != "claim" {
					return errNoAnswer
				}
				return nil
			}
			r.wantKept(r.deliver("m1"))
			r.wantFrames()
			if took := time.Since(r.began); took > 2*clocks.Lease {
				t.Errorf("given up after %s", took)
			}
			r.before = nil
			r.wantStatus(protocol.Processing, "")
			time.Sleep(clocks.Lease)
			r.handler = succeed(`2`)
			r.wantDone(r.deliver("m1")) // the next delivery makes good
			r.wantStatus(protocol.Completed, "")
			r.wantFrames("complete")
		})
	}
	play(t, "written, but no answer ever", func(t *testing.T, r *rig) {
		r.handler = succeed(`1`)
		wrote := false
		r.before = func(u lifecycle.Update) error {
			if wrote {
				return errNoAnswer
			}
			return nil
		}
		r.after = func(u lifecycle.Update) error {
			if u.Name == "complete" {
				wrote = true
				return errNoAnswer
			}
			return nil
		}
		r.wantKept(r.deliver("m1"))
		r.before = nil
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("complete")
	})
}

func TestLost(t *testing.T) {
	steal := func(r *rig) {
		time.Sleep(time.Second)
		r.table.Update(context.Background(), key, lifecycle.Claim("m2", "thief", time.Now().Add(2*clocks.Lease), clocks.Lease))
	}
	play(t, "while it runs", func(t *testing.T, r *rig) {
		var cause, completed error
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			steal(r)
			rep.Report(1, "")
			<-ctx.Done()
			cause = context.Cause(ctx)
			for range 10 {
				rep.Step(2, "after the loss")
				time.Sleep(100 * time.Millisecond)
			}
			completed = rep.Complete(json.RawMessage(`1`))
			return completed
		}
		r.wantKept(r.deliver("m1"))
		if !errors.Is(cause, streamer.ErrLost) || completed == nil {
			t.Errorf("cause %v, complete: %v", cause, completed)
		}
		r.wantFrames("1")
		r.wantStatus(protocol.Processing, "")
		if row := r.row(); row.Owner != "thief" || row.Fence != 2 || row.Message != "" {
			t.Errorf("row %+v", row)
		}
		if err := r.deliver("m1"); err != nil { // not the carrier any more
			t.Errorf("kept: %v", err)
		}
	})
	for name, handler := range map[string]streamer.Handler[json.RawMessage, json.RawMessage]{
		"completes": succeed(`1`), "completes and says nothing of the error": func(_ context.Context, _ request, rep reporter) error {
			rep.Complete(json.RawMessage(`1`))
			return nil
		},
		"completes with a large result": succeed(large(protocol.MaxInline + 1)),
		"fails":                         fail(errors.New("x")), "fails for good": fail(streamer.Errorf("X", "x")), "returns": fail(nil),
	} {
		play(t, "before it "+name, func(t *testing.T, r *rig) {
			r.handler = func(ctx context.Context, req request, rep reporter) error {
				steal(r)
				return handler(ctx, req, rep)
			}
			r.wantKept(r.deliver("m1"))
			r.wantFrames()
			if row := r.row(); row.Owner != "thief" || row.Status != protocol.Processing {
				t.Errorf("row %+v", row)
			}
			if _, over := r.docs[view.ResultKey(key, 2)]; over {
				t.Error("wrote over the result of the one that has it")
			}
			r.wantCounts(map[contract.Metric]int{contract.MetricQueueWait: 1})
		})
	}
	play(t, "because the table does not answer", func(t *testing.T, r *rig) {
		var cause error
		r.handler = until(&cause)
		r.before = named("pulse", 1000, errNoAnswer)
		r.wantKept(r.deliver("m1"))
		if !errors.Is(cause, streamer.ErrLost) || time.Since(r.began) != clocks.Lease {
			t.Errorf("cause %v after %s", cause, time.Since(r.began))
		}
		r.wantFrames()
		r.wantStatus(protocol.Processing, "")
	})
}

func TestTold(t *testing.T) {
	play(t, "later", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = succeed(`1`)
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantBack(30 * time.Second)
		if took := time.Since(r.began); took > 10*time.Second {
			t.Errorf("tried for %s", took)
		}
		r.fate["c"] = nil
		time.Sleep(30 * time.Second)
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
		if f := r.frames["c"][0]; event(f).Seq != r.row().Seq {
			t.Errorf("number %d, stored %d", event(f).Seq, r.row().Seq)
		}
		r.wantCounts(ended(contract.MetricCompleted))
	})
	play(t, "never", func(t *testing.T, r *rig) {
		r.fate["c"] = errors.New("503")
		r.handler = succeed(`1`)
		for n := range 5 {
			r.wantKept(r.deliver("m1"))
			r.wantBack(30 * time.Second)
			if got := r.row().Reposts; got != n+1 {
				t.Errorf("counted %d of %d", got, n+1)
			}
			time.Sleep(30 * time.Second)
		}
		r.wantDone(r.deliver("m1"))
	})
	play(t, "a frame that cannot be made", func(t *testing.T, r *rig) {
		r.linkErr = errNoAnswer
		r.handler = succeed(large(protocol.MaxInline + 1))
		for range 5 {
			r.wantKept(r.deliver("m1"))
			r.wantBack(30 * time.Second)
			time.Sleep(30 * time.Second)
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
	})
	play(t, "one that joined at the end", func(t *testing.T, r *rig) {
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			rep.Step(1, "")
			r.change(lifecycle.Watch("ann", "d"))
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.deliver("m1"))
		if got := r.types("d"); !slices.Equal(got, []string{"1", "complete"}) {
			t.Errorf("got %v", got)
		}
	})
	play(t, "retrying, for a short time only", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = fail(errors.New("x"))
		r.wantKept(r.deliver("m1"))
		if took := time.Since(r.began); took > 2*time.Second {
			t.Errorf("tried for %s", took)
		}
		r.wantBack(0) // the back-off is over
	})
}

func TestComplete(t *testing.T) {
	play(t, "twice", func(t *testing.T, r *rig) {
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			if err := rep.Complete(json.RawMessage(`1`)); err != nil {
				t.Error(err)
			}
			if err := rep.Complete(json.RawMessage(`2`)); err == nil {
				t.Error("no error")
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
		if r.row().Result != "1" {
			t.Errorf("result %s", r.row().Result)
		}
	})
	play(t, "at once from many", func(t *testing.T, r *rig) {
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			errs := make(chan error)
			for n := range 8 {
				go func() { errs <- rep.Complete(json.RawMessage(fmt.Sprint(n))) }()
			}
			held := 0
			for range 8 {
				if <-errs == nil {
					held++
				}
			}
			if held != 1 {
				t.Errorf("%d held", held)
			}
			return nil
		}
		r.wantDone(r.deliver("m1"))
		r.wantFrames("complete")
	})
	play(t, "after the return", func(t *testing.T, r *rig) {
		late := make(chan error)
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			go func() {
				time.Sleep(time.Second)
				rep.Step(50, "")
				late <- rep.Complete(json.RawMessage(`2`))
			}()
			return nil
		}
		r.wantDone(r.deliver("m1"))
		if err := <-late; err == nil {
			t.Error("no error")
		}
		r.wantFrames("complete")
	})
	play(t, "while the time runs out", func(t *testing.T, r *rig) {
		r.fate["c"] = streamer.ErrThrottled
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			time.Sleep(timeout - time.Second)
			if err := rep.Complete(json.RawMessage(`1`)); err != nil {
				t.Error(err)
			}
			return nil
		}
		time.AfterFunc(timeout+8*time.Second, func() { r.set(func() { r.fate["c"] = nil }) })
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("complete")
		r.wantCounts(ended(contract.MetricCompleted))
	})
	play(t, "with a table that hangs while the time runs out", func(t *testing.T, r *rig) {
		r.before = func(u lifecycle.Update) error {
			if u.Name == "complete" && time.Since(r.began) < timeout+5*time.Second {
				return errNoAnswer
			}
			return nil
		}
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			time.Sleep(timeout - time.Second)
			return rep.Complete(json.RawMessage(`1`))
		}
		r.wantDone(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		r.wantFrames("complete")
	})
	play(t, "is not called lost by its own pulse", func(t *testing.T, r *rig) {
		r.fate["c"] = hang
		var after error
		r.handler = func(ctx context.Context, _ request, rep reporter) error {
			rep.Step(1, "") // its post hangs, and the end waits for it
			time.Sleep(clocks.Pulse - time.Second)
			err := rep.Complete(json.RawMessage(`1`))
			after = context.Cause(ctx)
			return err
		}
		r.wantKept(r.deliver("m1"))
		r.wantStatus(protocol.Completed, "")
		if after != nil {
			t.Errorf("the context has ended: %v", after)
		}
	})
	play(t, "fails, and the handler goes on", func(t *testing.T, r *rig) {
		r.docErr = errNoAnswer
		r.handler = func(_ context.Context, _ request, rep reporter) error {
			if err := rep.Complete(json.RawMessage(large(protocol.MaxInline + 1))); !errors.Is(err, errNoAnswer) {
				t.Errorf("got %v", err)
			}
			rep.Step(50, "smaller")
			synctest.Wait()
			return rep.Complete(json.RawMessage(`"smaller"`))
		}
		r.wantDone(r.deliver("m1"))
		r.wantFrames("50", "complete")
	})
}
